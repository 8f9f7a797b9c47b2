// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// mountCgroups mounts a cgroup hierarchy for the test. The mount goes when the
// test ends, and a hierarchy of that name with it.
func mountCgroups(t testing.TB, fstype, name string) string {
	t.Helper()
	dir, options := t.TempDir(), ""
	if name != "" {
		options = "none,name=" + name
	}
	mount := func() {
		if err := unix.Mount("none", dir, fstype, 0, options); err != nil {
			t.Fatalf("mount %s: %v", fstype, err)
		}
	}
	mount()
	t.Cleanup(func() {
		// A hierarchy goes some time after its last mount, but stays if a cgroup in it
		// had not quite gone: then another mount has to end.
		for range 10 {
			if err := unix.Unmount(dir, 0); err != nil {
				t.Fatalf("unmount %s: %v", dir, err)
			}
			for range 50 {
				own, err := os.ReadFile("/proc/self/cgroup")
				if name == "" || err == nil && !strings.Contains(string(own), ":name="+name+":") {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			mount()
		}
		t.Errorf("the hierarchy %s stays", name)
	})
	return dir
}

// makeCgroups makes cgroups one below the other, and returns the path of the last.
func makeCgroups(t testing.TB, root string, names ...string) string {
	t.Helper()
	dir := root
	for _, name := range names {
		dir = filepath.Join(dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		made := dir
		t.Cleanup(func() {
			// A process that has just ended is in it for a moment still.
			var err error
			for range 200 {
				if err = unix.Rmdir(made); err == nil || err == unix.ENOENT {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Errorf("remove %s: %v", made, err)
		})
	}
	return dir
}

// sleeper starts a process in cgroups; end makes it a zombie.
func sleeper(t testing.TB, cgroups ...string) (pid int, end func()) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "read x")
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	for _, dir := range cgroups {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), fmt.Append(nil, cmd.Process.Pid), 0); err != nil {
			t.Fatal(err)
		}
	}
	return cmd.Process.Pid, func() {
		stdin.Close()
		for range 500 {
			if stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid)); strings.Contains(string(stat), ") Z ") {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("process %d does not end", cmd.Process.Pid)
	}
}

// A process in a deep cgroup, one beyond what a program follows, an exiting one in
// a cgroup that is gone, each in the default hierarchy and in one of the first version.
func TestCgroupFile(t *testing.T) {
	need.Root(t)
	own := fmt.Sprintf("iterfs-%d", os.Getpid())
	roots := []string{mountCgroups(t, "cgroup2", "")}
	if types, err := os.ReadFile("/proc/filesystems"); err == nil && strings.Contains(string(types), "\tcgroup\n") {
		roots = append(roots, mountCgroups(t, "cgroup", own))
	} else {
		t.Log("this kernel has no cgroups of the first version")
	}
	places := map[string][]string{}
	for _, root := range roots {
		top := makeCgroups(t, root, own)
		add := func(place string, names ...string) {
			places[place] = append(places[place], makeCgroups(t, top, names...))
		}
		add("ordinary", "a b\\", strings.Repeat("x", 200))
		add("deep", strings.Split(strings.Repeat("d ", 99)+"d", " ")...)
		add("gone", "gone")
	}
	var pids []int
	for place, dirs := range places {
		pid, end := sleeper(t, dirs...)
		pids = append(pids, pid)
		if place == "gone" {
			end()
			for _, dir := range dirs {
				if err := unix.Rmdir(dir); err != nil {
					t.Fatal(err)
				}
			}
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid)); err != nil || !strings.Contains(string(text), "/gone (deleted)\n") {
				t.Fatalf("the ended process's cgroup is %q, %v", text, err)
			}
		}
	}
	m := newMount(t)
	compare(t, "tasks/cgroup", func() map[string]string { return headed(t, m.read(t, "tasks/cgroup")) }, "cgroup", pids)
	compare(t, "tasks/<pid>/cgroup", func() map[string]string { return m.single(t, "cgroup") }, "cgroup", pids)
}
