// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"cmp"
	enc "encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// A generated path to a number: the parts of it between pointers.
type generated struct {
	Parts    []string
	Bits     bool
	enum     bool
	bigWidth int // bytes of a big-endian number
}

func (g generated) path() string { return strings.Join(g.Parts, ".") }

// asked is the path in a form that select/ shows as a plain number.
func (g generated) asked() string {
	if g.enum {
		return g.path() + ":hex"
	}
	return g.path()
}

// restless fields count what the readers themselves do.
var restless = regexp.MustCompile(`refcnt|last_wakee|cfs_rq|my_q|^se\.`)

// generate lists the numbers in a struct, and behind pointers that many deep.
func generate(t btf.Type, parts []string, pointers, depth int) (all []generated) {
	var members []btf.Member
	switch s := t.(type) {
	case *btf.Struct:
		members = s.Members
	case *btf.Union:
		members = s.Members
	}
	for _, m := range members {
		here := append([]string(nil), parts...)
		if m.Name != "" {
			here[len(here)-1] = strings.TrimPrefix(here[len(here)-1]+"."+m.Name, ".")
		}
		under := btf.UnderlyingType(m.Type)
		switch u := under.(type) {
		case *btf.Int:
			g := generated{Parts: here, Bits: m.BitfieldSize > 0}
			if td, ok := m.Type.(*btf.Typedef); ok && strings.HasPrefix(td.Name, "__be") {
				g.bigWidth = int(u.Size)
			}
			// Clang 14 cannot read all bit-fields.
			straddles := m.BitfieldSize > 0 && m.Offset%32+m.BitfieldSize > 32
			if m.Name != "" && u.Size <= 8 && !straddles && !restless.MatchString(g.path()) {
				all = append(all, g)
			}
		case *btf.Enum:
			if u.Size == 4 { // bpftool's header has all of that size
				all = append(all, generated{Parts: here, Bits: m.BitfieldSize > 0, enum: true})
			}
		case *btf.Struct, *btf.Union:
			if depth > 0 {
				all = append(all, generate(under, here, pointers, depth-1)...)
			}
		case *btf.Pointer:
			if target, ok := btf.UnderlyingType(u.Target).(*btf.Struct); ok && pointers > 0 {
				all = append(all, generate(target, append(here, ""), pointers-1, depth)...)
			}
		}
	}
	return all
}

// oracle is an iterator as one writes it in C, of the running kernel's vmlinux.h.
var oracle = template.Must(template.New("").Parse(`#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
char _license[] SEC("license") = "GPL";
{{range $n, $fields := .Programs}}
SEC("iter/{{$.Target}}") int p{{$n}}(struct bpf_iter__{{$.Target}} *ctx)
{
	struct { u64 key, v; s64 failed; } r;
	typeof(ctx->{{$.Object}}) q0 = ctx->{{$.Object}};
	if (!q0)
		return 0;
	{{with $.Only}}if (!({{.}}))
		return 0;
	{{end}}u64 key = {{$.Key}};
{{range $fields}}	{
		__builtin_memset(&r, 0, sizeof(r));
		r.key = key;
{{.}}		bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	}
{{end}}	return 0;
}
{{end}}`))

// code reads the number into r.v as C has it, over all pointers on the way.
func (g generated) code() string {
	var b strings.Builder
	for i, part := range g.Parts {
		from := fmt.Sprintf("q%d->%s", i, part)
		switch {
		case i < len(g.Parts)-1:
			fmt.Fprintf(&b, "\t\tu64 w%d = 0; r.failed |= bpf_probe_read_kernel(&w%[1]d, 8, &%s);\n\t\ttypeof(%[2]s) q%d = (void *)w%[1]d;\n", i, from, i+1)
		case g.Bits:
			fmt.Fprintf(&b, "\t\tu64 w = 0; r.failed |= bpf_probe_read_kernel(&w, 1, q%d);\n\t\tr.v = BPF_CORE_READ_BITFIELD_PROBED(q%[1]d, %s);\n", i, part)
		default:
			fmt.Fprintf(&b, "\t\tu64 w = 0; r.failed |= bpf_probe_read_kernel(&w, sizeof(%s), &%[1]s);\n\t\tr.v = *(typeof(%[1]s) *)&w;\n", from)
		}
	}
	return b.String()
}

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
	herd := zoo.Herd(t, 1, append(someSockets(t), someFiles(t)...)...)
	mine := fmt.Sprintf("BPF_CORE_READ(ctx, task, tgid) == %d", herd)
	where := fmt.Sprintf("where/task.tgid=%d/", herd)
	for _, target := range []oracleTarget{
		{name: "task", object: "task", structure: "task_struct"},
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
			paths := generate(s, []string{""}, 2, 2)
			rand.New(rand.NewPCG(7, uint64(len(paths)))).Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
			target.paths = paths[:min(pathsPerTarget, len(paths))]
			target.key = cmp.Or(target.key, "(u64)q0")
			target.asked = cmp.Or(target.asked, target.object)
			target.compare(t, m, target.compile(t, clang, dir))
		})
	}
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
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "task", License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	it, err := link.AttachIter(link.IterOptions{Program: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { it.Close() })
}

// An oracleTarget is compared in the objects that a condition in C, and the same
// one of select/, lets through. The key tells them apart; asked are its columns.
type oracleTarget struct {
	name, object, structure string
	only, where             string
	key, asked              string
	paths                   []generated
}

func (o *oracleTarget) compile(t *testing.T, clang, dir string) *ebpf.Collection {
	t.Helper()
	var programs [][]string
	for i, p := range o.paths {
		if i%perProgram == 0 {
			programs = append(programs, nil)
		}
		programs[len(programs)-1] = append(programs[len(programs)-1], p.code())
	}
	var code strings.Builder
	if err := oracle.Execute(&code, map[string]any{"Target": o.name, "Object": o.object, "Key": o.key, "Only": o.only, "Programs": programs}); err != nil {
		t.Fatal(err)
	}
	source, compiled := filepath.Join(dir, o.name+".bpf.c"), filepath.Join(dir, o.name+".bpf.o")
	if err := os.WriteFile(source, []byte(code.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(clang, "-O2", "-g", "-fno-strict-aliasing", "-target", "bpf", "-D__TARGET_ARCH_x86", "-Wno-everything", "-I"+dir, "-c", source, "-o", compiled).CombinedOutput(); err != nil {
		t.Fatalf("%v: %.2000s", err, out)
	}
	c, err := ebpf.LoadCollection(compiled)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// oracleValue is the record of the oracle.
type oracleValue struct {
	V      uint64
	Failed int64
}

// runOracle reads all programs: by object, the values of all paths.
func runOracle(t *testing.T, c *ebpf.Collection) map[uint64][]oracleValue {
	t.Helper()
	values := map[uint64][]oracleValue{}
	for n := range len(c.Programs) {
		it, err := link.AttachIter(link.IterOptions{Program: c.Programs["p"+strconv.Itoa(n)]})
		if err != nil {
			t.Fatal(err)
		}
		r, err := it.Open()
		if err != nil {
			t.Fatal(err)
		}
		for {
			var record struct {
				Key uint64
				oracleValue
			}
			err := enc.Read(r, enc.NativeEndian, &record)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			values[record.Key] = append(values[record.Key], record.oracleValue)
		}
		r.Close()
		it.Close()
	}
	return values
}

// asC is the number that C would have, of what select/ shows.
func (g generated) asC(shown any) (v oracleValue, err error) {
	switch shown := shown.(type) {
	case nil:
		return oracleValue{Failed: -1}, nil
	case json.Number:
		if n, err := strconv.ParseInt(string(shown), 10, 64); err == nil {
			v.V = uint64(n)
		} else if v.V, err = strconv.ParseUint(string(shown), 10, 64); err != nil {
			return v, err
		}
	case string:
		v.V, err = strconv.ParseUint(shown, 0, 64)
	}
	return v, err
}

// compare compares what the oracle tells before and after. A path that once came
// out right for every object is right: others may lead to what never rests.
func (o *oracleTarget) compare(t *testing.T, m *mount, c *ebpf.Collection) {
	t.Helper()
	right, objects := make([]bool, len(o.paths)), 0
	persistently(t, func() (complaints []string) {
		before, got, after := runOracle(t, c), o.selected(t, m), runOracle(t, c)
		objects = max(objects, len(got))
		if len(got) == 0 && len(before) > 0 && len(after) > 0 {
			complaints = append(complaints, "select/ has none of the objects, or hides their addresses")
		}
		for i, p := range o.paths {
			if right[i] {
				continue
			}
			compared, wrong := 0, ""
			for key, values := range before {
				if len(values) != len(o.paths) || len(after[key]) != len(o.paths) || got[key] == nil || values[i] != after[key][i] {
					continue
				}
				compared++
				if v, err := p.asC(got[key][i]); err != nil || v != p.normal(values[i]) {
					wrong = fmt.Sprintf("%s of %#x is %v, in C %d (%d)", p.path(), key, got[key][i], int64(values[i].V), values[i].Failed)
				}
			}
			right[i] = compared > 0 && wrong == ""
			if wrong != "" {
				complaints = append(complaints, wrong)
			}
		}
		return complaints
	})
	n := 0
	for _, ok := range right {
		if ok {
			n++
		}
	}
	t.Logf("%d paths of %d, %d objects", n, len(o.paths), objects)
	if objects > 0 && n < len(o.paths)*9/10 {
		t.Errorf("only %d of %d paths could be compared", n, len(o.paths))
	}
}

// normal is the oracle's value in the order of bytes that select/ shows.
func (g generated) normal(v oracleValue) oracleValue {
	switch {
	case v.Failed != 0:
		return oracleValue{Failed: -1}
	case g.bigWidth > 0:
		v.V = swap(v.V, g.bigWidth)
	}
	return v
}

func swap(v uint64, width int) uint64 {
	var b [8]byte
	enc.LittleEndian.PutUint64(b[:], v)
	return enc.BigEndian.Uint64(b[:]) >> (64 - 8*width)
}

// selected asks select/ for all paths, as many at a time as a name holds.
func (o *oracleTarget) selected(t *testing.T, m *mount) map[uint64][]any {
	t.Helper()
	rows := map[uint64][]any{}
	for begin := 0; begin < len(o.paths); {
		query, end := o.asked, begin
		for end < len(o.paths) && len(query)+len(o.paths[end].asked()) < 900 {
			query += "," + o.object + "." + o.paths[end].asked()
			end++
		}
		d := json.NewDecoder(strings.NewReader(m.read(t, "select/"+o.name+"/"+o.where+query+".json")))
		d.UseNumber()
		for {
			var row map[string]any
			if err := d.Decode(&row); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if row[o.asked] == "hidden" { // another test is about that
				continue
			}
			key := keyOf(t, row, o.asked)
			for _, p := range o.paths[begin:end] {
				rows[key] = append(rows[key], row[o.object+"."+p.asked()])
			}
		}
		begin = end
	}
	for key, row := range rows {
		if len(row) != len(o.paths) { // it came or went
			delete(rows, key)
		}
	}
	return rows
}

// keyOf is the oracle's key of a row.
func keyOf(t *testing.T, row map[string]any, asked string) (key uint64) {
	t.Helper()
	for column := range strings.SplitSeq(asked, ",") {
		n, err := strconv.ParseUint(fmt.Sprint(row[column]), 0, 64)
		if err != nil {
			t.Fatalf("%s is %v", column, row[column])
		}
		if column == "fd" {
			key = key<<20 ^ n
		} else {
			key = n
		}
	}
	return key
}
