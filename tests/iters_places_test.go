// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// canNarrow reports whether this kernel's task iterators take parameters.
func canNarrow() bool { return !need.OlderThan(6, 1) }

// The directory of a process runs a program for that process: what it tells is
// what the program tells of it among all.
func TestItersOfTasks(t *testing.T) {
	m := newMount(t)
	pids := zoo.New(t)
	programs := map[string]string{"task": "task/dump_task", "task_file": "task_file/dump_task_file"}
	if kernelHas(t, "bpf_iter__task_vma") {
		programs["task_vma"] = "task_vma/dump_vma"
	}
	m.mustPut(t, "bpf_map")
	for object := range programs {
		m.mustPut(t, object)
	}
	pid := pids["threads"]
	dir := fmt.Sprintf("tasks/%d/iters/", pid)
	if names := list(t, m.path(dir)); len(names) != len(programs) {
		t.Errorf("%s has %q", dir, names)
	}
	if !canNarrow() {
		if _, err := os.ReadFile(m.path(dir + programs["task"])); !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("on a kernel that cannot visit one process: %v", err)
		}
		return
	}
	for _, program := range programs {
		persistently(t, func() []string {
			all := lines(m.read(t, "iters/"+program), []int{pid})
			one := m.read(t, dir+program)
			if one != all || !strings.Contains(one, strconv.Itoa(pid)) {
				return []string{fmt.Sprintf("%s%s is\n%swant\n%s", dir, program, one, all)}
			}
			return nil
		})
	}
	threads := strings.Count(m.read(t, dir+"task/dump_task"), fmt.Sprintf("\n%8d ", pid))
	if want := len(list(t, fmt.Sprintf("/proc/%d/task", pid))); threads != want {
		t.Errorf("%d threads, not %d", threads, want)
	}
	for kind, want := range map[string]int{"zombie": 0, "plain": 3} {
		text := m.read(t, fmt.Sprintf("tasks/%d/iters/task_file/dump_task_file", pids[kind]))
		if got := strings.Count(text, fmt.Sprintf("%8d ", pids[kind])); got < want || want == 0 && got > 0 {
			t.Errorf("%d files of a %s: %q", got, kind, text)
		}
	}
}

// The directory of a thread runs a program for that thread alone.
func TestItersOfThreads(t *testing.T) {
	if !canNarrow() {
		t.Skip("before Linux 6.1 no iterator visits a single thread")
	}
	m := newMount(t)
	pid := zoo.One(t, "threads")
	m.mustPut(t, "bpf_map", "task", "task_file")
	for _, tid := range list(t, fmt.Sprintf("/proc/%d/task", pid)) {
		real := fmt.Sprintf("/proc/%d/task/%s/", pid, tid)
		dir := fmt.Sprintf("tasks/%d/task/%s/iters/", pid, tid)
		if names := list(t, m.path(dir)); !slices.Equal(names, []string{"task", "task_file"}) {
			t.Errorf("%s has %q", dir, names)
		}
		want := fmt.Sprintf("    tgid      gid\n%8d %8s %s    === END ===\n", pid, tid, readFile(t, real+"comm"))
		if got := m.read(t, dir+"task/dump_task"); got != want {
			t.Errorf("%stask/dump_task is\n%swant\n%s", dir, got, want)
		}
		files := strings.Count(m.read(t, dir+"task_file/dump_task_file"), fmt.Sprintf("%8d %8s ", pid, tid))
		if want := len(list(t, real+"fd")); files != want {
			t.Errorf("%d files of thread %s, want %d", files, tid, want)
		}
	}
}

// A process that has gone is ESRCH, not a process without anything.
func TestItersOfGoneTask(t *testing.T) {
	if !canNarrow() {
		t.Skip("before Linux 6.1 no iterator visits a single process")
	}
	m := newMount(t)
	m.mustPut(t, "task_file")
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	path := m.path(fmt.Sprintf("tasks/%d/iters/task_file/dump_task_file", child.Process.Pid))
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	child.Process.Kill()
	child.Wait()
	if n, err := f.Read(make([]byte, 4096)); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a gone process's files: %d bytes, %v", n, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a gone process: %v", err)
	}
}

func TestItersOfMaps(t *testing.T) {
	need.Iterator(t, "bpf_map_elem")
	need.Iterator(t, "sockmap")
	need.Iterator(t, "bpf_sk_storage_map")
	m := newMount(t)
	p := newPinner(t)
	m.mustPut(t, "map_elem", "sockets_in_maps", "task")
	plain := func(path string) string { return readFile(t, path) }
	for _, kind := range []ebpf.MapType{ebpf.Hash, ebpf.Array, ebpf.LRUHash} {
		elements := newMap(t, &ebpf.MapSpec{Type: kind, KeySize: 4, ValueSize: 8, MaxEntries: 5000})
		for i := range uint32(5000) {
			if err := elements.Put(i, uint64(i)*1000003); err != nil {
				t.Fatal(err)
			}
		}
		id := mapID(t, elements)
		dir := m.path("maps/" + id + "/iters")
		if names := list(t, dir); !slices.Equal(names, []string{"map_elem", "sockets_in_maps"}) {
			t.Errorf("%s has %q", dir, names)
		}
		same(t, kind.String(), plain, dir+"/map_elem/dump_map_elem", p.pin(t, "map_elem", "dump_map_elem", id))
	}
	// A wrong kind of map, a value of another size, no map.
	small := newMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	queue := newMap(t, &ebpf.MapSpec{Type: ebpf.Queue, ValueSize: 8, MaxEntries: 1})
	for path, want := range map[string]unix.Errno{
		"maps/" + mapID(t, small) + "/iters/map_elem/dump_map_elem":        unix.EACCES,
		"maps/" + mapID(t, queue) + "/iters/map_elem/dump_map_elem":        unix.EINVAL,
		"maps/" + mapID(t, small) + "/iters/sockets_in_maps/dump_sockmap":  unix.EINVAL,
		"iters/map_elem/dump_map_elem":                                     unix.EINVAL,
		"maps/" + mapID(t, small) + "/iters/task/dump_task":                unix.ENOENT,
		"maps/" + mapID(t, small) + "/iters/nothing":                       unix.ENOENT,
		"maps/" + mapID(t, small) + "/iters/map_elem/dump_map_elem/beyond": unix.ENOTDIR,
	} {
		if _, err := os.ReadFile(m.path(path)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

func TestItersOfSocketMaps(t *testing.T) {
	need.Iterator(t, "sockmap")
	need.Iterator(t, "bpf_sk_storage_map")
	m := newMount(t)
	p := newPinner(t)
	m.mustPut(t, "sockets_in_maps")
	plain := func(path string) string { return readFile(t, path) }
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		defer unix.Close(fd)
		err = unix.Listen(fd, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	storage := newMap(t, &ebpf.MapSpec{Type: ebpf.SkStorage, KeySize: 4, ValueSize: 4, Flags: noPrealloc, Key: s32Type, Value: s32Type})
	sockmap := newMap(t, &ebpf.MapSpec{Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 4})
	put(t, sockmap, uint32(2), uint32(fd))
	checks := map[*ebpf.Map][2]string{sockmap: {"dump_sockmap", "2: family 2\n"}}
	if canAllocateWithoutLock(t) {
		put(t, storage, uint32(fd), uint32(42))
		checks[storage] = [2]string{"dump_sk_storage", "family 2: 42\n"}
	}
	for object, test := range checks {
		id := mapID(t, object)
		path := m.path("maps/" + id + "/iters/sockets_in_maps/" + test[0])
		if got := plain(path); got != test[1] {
			t.Errorf("%s is %q, want %q", test[0], got, test[1])
		}
		same(t, test[0], plain, path, p.pin(t, "sockets_in_maps", test[0], id))
	}
}
