// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// pathsPerTarget are compared of each target, perProgram in one C function.
const (
	pathsPerTarget = 200
	perProgram     = 20
)

// Values equal those that iterators in C read: 200 generated paths of each target.
func TestSelectEqualsC(t *testing.T) {
	need.Root(t)
	bpftool := need.Tool(t, "bpftool", "bpftool")
	clang := need.Tool(t, "clang-14", "clang-14")
	header, err := exec.Command(bpftool, "btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vmlinux.h"), header, 0o644); err != nil {
		t.Fatal(err)
	}
	types, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	m := newMount(t)
	zoo.New(t)
	anIdleLink(t)
	self := os.Getpid()
	herd := zoo.Herd(t, 1, append(someSockets(t), someFiles(t)...)...)
	mine := fmt.Sprintf("BPF_CORE_READ(ctx, task, tgid) == %d", herd)
	where := fmt.Sprintf("where/task.tgid=%d/", herd)
	for _, target := range []oracleTarget{
		{name: "task", object: "task", structure: "task_struct",
			only: fmt.Sprintf("BPF_CORE_READ(ctx, task, real_parent, tgid) == %d && BPF_CORE_READ(ctx, task, tgid) != %[1]d", self), where: fmt.Sprintf("where/real_parent.tgid=%d,tgid!=%[1]d/", self)},
		{name: "task_file", object: "file", structure: "file", only: mine, where: where, key: "(u64)BPF_CORE_READ(ctx, task, pid) << 20 ^ ctx->fd", asked: "task.pid,fd"},
		{name: "task_vma", object: "vma", structure: "vm_area_struct", only: mine, where: where},
		{name: "tcp", object: "sk_common", structure: "sock_common"},
		{name: "udp", object: "udp_sk", structure: "udp_sock"},
		{name: "unix", object: "unix_sk", structure: "unix_sock"},
		{name: "netlink", object: "sk", structure: "netlink_sock"},
		{name: "ipv6_route", object: "rt", structure: "fib6_info"},
		{name: "bpf_map", object: "map", structure: "bpf_map", key: "BPF_CORE_READ(q0, id)", asked: "id"},
		{name: "bpf_prog", object: "prog", structure: "bpf_prog", key: "BPF_CORE_READ(q0, aux, id)", asked: "aux.id"},
		{name: "bpf_link", object: "link", structure: "bpf_link", key: "BPF_CORE_READ(q0, id)", asked: "id"},
		{name: "ksym", object: "ksym", structure: "kallsym_iter", only: "BPF_CORE_READ(q0, pos) < 1000", where: "where/pos<1000/", key: "BPF_CORE_READ(q0, pos)", asked: "pos"},
		{name: "kmem_cache", object: "s", structure: "kmem_cache"},
		{name: "dmabuf", object: "dmabuf", structure: "dma_buf"},
	} {
		t.Run(target.name, func(t *testing.T) {
			var s, ctx *btf.Struct
			if err := errors.Join(types.TypeByName(target.structure, &s), types.TypeByName("bpf_iter__"+target.name, &ctx)); err != nil {
				t.Skipf("not on this kernel: %v", err)
			}
			if target.name == "dmabuf" {
				makers(t)[0](2)
			}
			paths := generate(s, []string{""}, 2, 2)
			rand.New(rand.NewPCG(7, uint64(len(paths)))).Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
			target.paths = paths[:min(pathsPerTarget, len(paths))]
			target.key = cmp.Or(target.key, "(u64)q0")
			target.asked = cmp.Or(target.asked, target.object)
			target.compare(t, m, target.compile(t, clang, dir))
		})
	}
}

// An oracleTarget is compared in the objects that a condition in C, and the same
// one of select/, lets through. The key tells them apart; asked are its columns.
type oracleTarget struct {
	name, object, structure string
	only, where             string
	key, asked              string
	paths                   []generated
}

// someSockets opens a few that are connected, or listen, for as long as the test runs.
func someSockets(t *testing.T) (files []*os.File) {
	t.Helper()
	keep := func(s any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.(io.Closer).Close() })
		f, err := s.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		files = append(files, f)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	keep(l, err)
	for _, network := range []string{"tcp", "udp"} {
		c, err := net.Dial(network, l.Addr().String())
		keep(c, err)
	}
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	keep(p, err)
	return files
}

// someFiles opens files of several kinds.
func someFiles(t *testing.T) (files []*os.File) {
	t.Helper()
	for _, path := range []string{"/dev/null", "/proc/self/status", t.TempDir(), filepath.Join(t.TempDir(), "file")} {
		flags := os.O_RDONLY
		if strings.HasSuffix(path, "/file") {
			flags = os.O_RDWR | os.O_CREATE
		}
		f, err := os.OpenFile(path, flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		files = append(files, f)
	}
	return files
}

// anIdleLink attaches an iterator that nobody reads.
func anIdleLink(t *testing.T) {
	t.Helper()
	it, err := link.AttachIter(link.IterOptions{Program: idleProgram(t, "task")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { it.Close() })
}
