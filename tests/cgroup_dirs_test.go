// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

func TestCgroupDirectories(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "cgroup", "cgroups")
	c := zoo.NewCgroups(t)
	someCgroups(t, c)
	for _, path := range []string{"", "/one", "/one/two/three", "/late", "/table"} {
		dir := m.path("cgroups" + c.Path + path)
		if path == "/table" {
			continue // the name of a file, which wins
		}
		want := append(cgroupsIn(t, c.Dir+path), "iters", "table", "table.json", "tasks", "tasks.json")
		if got := list(t, dir); !slices.Equal(got, slices.Compact(slices.Sorted(slices.Values(want)))) {
			t.Errorf("%s lists %q, want %q", dir, got, want)
		}
	}
	if info, err := os.Stat(m.path("cgroups" + c.Path + "/table")); err != nil || info.IsDir() {
		t.Errorf("a cgroup of the name of a file hides it: %v", err)
	}
	for _, name := range []string{"on", "onee", "one/three", "one/table/x", strings.Repeat("n", 254), strings.Repeat("n", 31)} {
		if _, err := os.Stat(m.path("cgroups" + c.Path + "/" + name)); !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Chown(c.Dir+"/late/a", 1000, 1001); err != nil {
		t.Fatal(err)
	}
	if uid, gid := owner(t, m.path("cgroups"+c.Path+"/late/a")); uid != "1000" || gid != "1001" {
		t.Errorf("a cgroup of 1000:1001 is owned by %s:%s", uid, gid)
	}
	removed := m.path("cgroups" + c.Path + "/late/b")
	before, err := os.Stat(removed)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(removed + "/table")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(c.Dir + "/late/b"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(make([]byte, 4096)); err != nil {
		t.Errorf("read a table that was opened in time: %v", err)
	}
	if _, err := f.ReadAt(make([]byte, 4096), 1); !errors.Is(err, unix.ESRCH) {
		t.Errorf("read the table of a removed cgroup again: %v", err)
	}
	if _, err := os.Stat(removed); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a removed cgroup: %v", err)
	}
	c.Make("late/b")
	if after, err := os.Stat(removed); err != nil || os.SameFile(before, after) {
		t.Errorf("another cgroup of the same name is the same inode, or %v", err)
	}
}

func TestCgroupsV1(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "cgroup", "cgroups")
	c, hierarchy := zoo.NewCgroupsV1(t)
	someCgroups(t, c)
	dir := "cgroups/v1/" + hierarchy
	if names := list(t, m.path("cgroups/v1")); !slices.Contains(names, hierarchy) {
		t.Fatalf("%s is not in %q", hierarchy, names)
	}
	want := map[string]string{}
	filepath.WalkDir(c.Dir, func(path string, d os.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil && d.IsDir() {
			tasks, _ := os.ReadFile(path + "/tasks")
			err = unix.Stat(path, &st)
			shown := c.Path + strings.TrimPrefix(path, c.Dir)
			want[escaped.Replace(shown)] = fmt.Sprintf("%d at %d with %d tasks", st.Ino, strings.Count(shown, "/"), strings.Count(string(tasks), "\n"))
		}
		return err
	})
	for _, file := range []string{dir + "/table", dir + c.Path + "/table"} {
		got := map[string]string{}
		for _, row := range table(t, m.read(t, file)) {
			if row["PATH"] != "/" {
				got[row["PATH"]] = row["ID"] + " at " + row["LEVEL"] + " with " + row["TASKS"] + " tasks"
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s says %v, want %v", file, got, want)
		}
	}
	var pids []string
	for _, row := range table(t, m.read(t, dir+c.Path+"/one/tasks")) {
		pids = append(pids, row["PID"])
	}
	if len(pids) != 3 {
		t.Errorf("%d processes in a cgroup that has 3", len(pids))
	}
	for _, row := range table(t, m.read(t, "cgroups/tasks")) {
		pids = slices.DeleteFunc(pids, func(pid string) bool { return pid == row["PID"] })
	}
	if len(pids) > 0 {
		t.Errorf("processes %q are in no cgroup of v2", pids)
	}
}
