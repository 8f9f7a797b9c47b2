// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/objects"
	"github.com/iterfs/iterfs/tests/zoo"
)

// put copies an object to iters/.
func (m *mount) put(t testing.TB, name string) error {
	t.Helper()
	return os.WriteFile(m.path("iters/"+name+".bpf.o"), objects.Read(t, name), 0o600)
}

func (m *mount) mustPut(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := m.put(t, name); err != nil {
			t.Fatalf("%v\n%s", err, m.read(t, "iters/errors"))
		}
	}
}

// A pinner pins iterators in a BPF filesystem of the test's own: with bpftool,
// which knows the first program of an object and no parameter but a map, and what
// it cannot with iterfs.
type pinner struct {
	dir, bpftool string
	pins         int
}

func newPinner(t testing.TB) *pinner {
	t.Helper()
	p := &pinner{dir: t.TempDir()}
	if os.Getenv("ITERFS_VM") == "" {
		p.bpftool = need.Tool(t, "bpftool", "bpftool")
	}
	if err := unix.Mount("bpf", p.dir, "bpf", 0, "mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(p.dir, unix.MNT_DETACH) })
	return p
}

func (p *pinner) pin(t testing.TB, object, program, mapID string) (path string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), object+".bpf.o")
	if err := os.WriteFile(file, objects.Read(t, object), 0o600); err != nil {
		t.Fatal(err)
	}
	p.pins++
	path = filepath.Join(p.dir, fmt.Sprintf("%s_%d", program, p.pins))
	first := map[string]string{"task": "dump_task", "tcp": "dump_tcp4", "sockets_in_maps": "dump_sockmap", "flood": "text"}[object]
	cmd := exec.Command(p.bpftool, "iter", "pin", file, path)
	if mapID != "" {
		cmd.Args = append(cmd.Args, "map", "id", mapID)
	}
	if p.bpftool == "" || object == "cgroup" || first != "" && first != program {
		cmd = exec.Command(binary, "pin", file+":"+program, path)
		if mapID != "" {
			cmd.Args = append(cmd.Args, "--map", mapID)
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v, %s", cmd.Args, err, out)
	}
	return path
}

// lines keeps those of a task program's output that tell of some processes, and
// those that tell of none.
func lines(text string, pids []int) string {
	var kept []string
	keep := true
	for line := range strings.Lines(text) {
		first, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "pid:")), " ")
		if pid, err := strconv.Atoi(first); err == nil {
			keep = slices.Contains(pids, pid)
		} else if first == "tgid" || first == "===" { // the first and last line
			keep = true
		}
		if keep {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// same compares two files of a live system, until they are the same.
func same(t *testing.T, what string, read func(path string) string, got, want string) {
	t.Helper()
	persistently(t, func() []string {
		theirs, ours := read(want), read(got)
		if theirs == "" {
			return []string{what + ": the pinned iterator tells nothing"}
		}
		if ours != theirs {
			time.Sleep(50 * time.Millisecond)
			return []string{fmt.Sprintf("%s: %d bytes, of the pinned iterator %d\n%.3000s\nwant\n%.3000s", what, len(ours), len(theirs), ours, theirs)}
		}
		return nil
	})
}

// Whatever the kernel's documentation shows of iterators gives, byte for byte,
// what the same program gives when it is pinned and read.
func TestItersAgreeWithPins(t *testing.T) {
	m := newMount(t)
	p := newPinner(t)
	pids := zooPIDs(t)
	ns, _ := inNetNS(t, 10)
	someMaps(t)
	sockets(t, ns)
	tasks := func(path string) string { return lines(readFile(t, path), pids) }
	inside := func(path string) (text string) {
		if err := ns.Do(func() error { text = readFile(t, path); return nil }); err != nil {
			t.Fatal(err)
		}
		return text
	}
	plain := func(path string) string {
		text, err := readToError(t, path)
		return fmt.Sprint(string(text), errors.Unwrap(err)) // that of many cgroups ends in an error
	}
	for _, test := range []struct {
		target, object, program string
		read                    func(path string) string
	}{
		{"task", "task", "dump_task", tasks},
		{"task", "task", "dump_task_stack", tasks},
		{"task_file", "task_file", "dump_task_file", tasks},
		{"task_vma", "task_vma", "dump_vma", tasks},
		{"bpf_map", "bpf_map", "dump_bpf_map", plain},
		{"tcp", "tcp", "dump_tcp4", inside},
		{"tcp", "tcp", "dump_tcp6", inside},
		{"udp", "udp", "dump_udp", inside},
		{"netlink", "netlink", "dump_netlink", inside},
		{"ipv6_route", "ipv6_route", "dump_ipv6_route", inside},
		{"cgroup", "cgroup", "dump_cgroup", plain},
		{"ksym", "ksym", "dump_ksym", plain},
	} {
		what := test.object + "/" + test.program
		err := m.put(t, test.object)
		if !kernelHas(t, "bpf_iter__"+test.target) || strings.Contains("tcp ipv6_route", test.object) && !hasConfig() {
			if !errors.Is(err, unix.EOPNOTSUPP) {
				t.Errorf("%s, which this kernel lacks: %v", what, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", what, err, m.read(t, "iters/errors"))
			continue
		}
		same(t, what, test.read, m.path("iters/"+what), p.pin(t, test.object, test.program, ""))
	}
}

// hasConfig reports whether the kernel's configuration can be read, as .kconfig
// asks for.
func hasConfig() bool {
	_, boot := os.Stat("/boot/config-" + need.Release())
	_, proc := os.Stat("/proc/config.gz")
	return boot == nil || proc == nil
}

// sockets listens in a namespace, for TCP and UDP of both families.
func sockets(t testing.TB, ns *zoo.NetNS) {
	t.Helper()
	err := ns.Do(func() error {
		for _, address := range []string{"127.0.0.1:2024", "[::1]:2025"} {
			l, err := net.Listen("tcp", address)
			if err != nil {
				return err
			}
			t.Cleanup(func() { l.Close() })
			p, err := net.ListenPacket("udp", address)
			if err != nil {
				return err
			}
			t.Cleanup(func() { p.Close() })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What lasts is looked up once: a program that is read again costs the daemon an
// open and a read, and no look-up on the way.
func TestItersAreLookedUpOnce(t *testing.T) {
	m := newMount(t)
	m.mustPut(t, "empty")
	read := func() {
		if text := m.read(t, "iters/empty/nothing"); text != "" {
			t.Errorf("%q", text)
		}
	}
	requests := func(kind string) (n int) {
		if _, err := fmt.Sscan(m.status(t, kind)[0], &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	read()
	lookups, opens := requests("lookup"), requests("open")
	for range 10 {
		read()
	}
	// Reading status is one open more, each time.
	if more := requests("lookup") - lookups; more != 0 {
		t.Errorf("ten reads cost %d look-ups", more)
	}
	if more := requests("open") - opens - 2; more != 10 {
		t.Errorf("ten reads cost %d opens", more)
	}
}
