// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// cgroupNames returns the names that dump_cgroup tells of, in its order.
func cgroupNames(t testing.TB, text string) (names []string) {
	t.Helper()
	body, ok := strings.CutPrefix(text, "prologue\n")
	body, end := strings.CutSuffix(body, "epilogue\n")
	if !ok || !end {
		t.Fatalf("not whole: %q", text)
	}
	for line := range strings.Lines(body) {
		names = append(names, strings.Join(strings.Fields(line)[2:], " "))
	}
	return names
}

// A cgroup's directory runs a program from the cgroup on, in any order.
func TestItersOfCgroups(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "cgroup", "cgroups/table")
	m.mustPut(t, "cgroup", "task")
	t.Run("v2", func(t *testing.T) {
		c := zoo.NewCgroups(t)
		checkCgroupIters(t, m, c, "cgroups"+c.Path)
	})
	t.Run("v1", func(t *testing.T) {
		c, hierarchy := zoo.NewCgroupsV1(t)
		checkCgroupIters(t, m, c, "cgroups/v1/"+hierarchy+c.Path)
	})
}

func checkCgroupIters(t *testing.T, m *mount, c *zoo.Cgroups, dir string) {
	c.Make("a/b")
	c.Make("a/c")
	place := m.path(dir + "/a/iters")
	if names := list(t, place); !slices.Equal(names, []string{"cgroup"}) {
		t.Errorf("%s has %q", place, names)
	}
	walk := func(suffix string) []string { return cgroupNames(t, readFile(t, place+"/cgroup/dump_cgroup"+suffix)) }
	pre := walk("")
	if len(pre) != 3 || pre[0] != "a" || !slices.Contains(pre, "b") || !slices.Contains(pre, "c") {
		t.Fatalf("from a on: %q", pre)
	}
	if up := walk(".up"); len(up) < 3 || up[0] != "a" || up[1] != filepath.Base(c.Dir) {
		t.Errorf("upwards: %q", up)
	}
	for suffix, want := range map[string][]string{".pre": pre, ".post": {pre[1], pre[2], "a"}, ".self": {"a"}} {
		if got := walk(suffix); !slices.Equal(got, want) {
			t.Errorf("%s gives %q, want %q", suffix, got, want)
		}
	}
	for _, name := range []string{"a/b", "a/c", "a"} {
		if err := unix.Rmdir(filepath.Join(c.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(place); !errors.Is(err, unix.ENOENT) {
		t.Errorf("%s of a cgroup that has gone: %v", place, err)
	}
}

// An iterator over cgroups cannot be read beyond the kernel's buffer: the reader
// gets what there is of it, and then the kernel's error.
func TestItersOfManyCgroups(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "cgroup", "cgroups/table")
	m.mustPut(t, "cgroup")
	c, hierarchy := zoo.NewCgroupsV1(t)
	for i := range 800 {
		c.Make(fmt.Sprintf("a_cgroup_with_quite_a_long_name_%04d", i))
	}
	text, err := readToError(t, m.path("cgroups/v1/"+hierarchy+c.Path+"/iters/cgroup/dump_cgroup"))
	if !errors.Is(err, unix.EOPNOTSUPP) || len(text) < 30_000 || len(text) > 32<<10 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if failures := m.read(t, "iters/errors"); !strings.Contains(failures, "==> cgroup/dump_cgroup: ") {
		t.Errorf("errors %q", failures)
	}
}

// Iterators that are pinned in any BPF filesystem can be read.
func TestPinnedIterators(t *testing.T) {
	m := newMount(t)
	p := newPinner(t)
	someMaps(t)
	pin := p.pin(t, "bpf_map", "dump_bpf_map", "")
	if err := os.Mkdir(p.dir+"/dir", 0o700); err != nil {
		t.Fatal(err)
	}
	moved := p.dir + "/dir/it"
	if err := os.Rename(pin, moved); err != nil {
		t.Fatal(err)
	}
	held := newMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err := held.Pin(p.dir + "/a_map"); err != nil {
		t.Fatal(err)
	}
	ours := m.path("iters/pinned" + p.dir)
	if names := list(t, ours); !slices.Equal(names, []string{"dir"}) {
		t.Errorf("%s has %q", ours, names)
	}
	same(t, "pinned", func(path string) string { return readFile(t, path) }, ours+"/dir/it", moved)
	for name, want := range map[string]unix.Errno{"a_map": unix.ENOENT, "nothing": unix.ENOENT, "dir/it/below": unix.ENOTDIR} {
		if _, err := os.Stat(filepath.Join(ours, name)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if _, err := os.Stat(m.path("iters/pinned/proc")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a directory without pins: %v", err)
	}
	if err := os.Remove(moved); err != nil {
		t.Fatal(err)
	}
	if names := list(t, ours+"/dir"); len(names) > 0 {
		t.Errorf("a pin that was removed: %q", names)
	}
}
