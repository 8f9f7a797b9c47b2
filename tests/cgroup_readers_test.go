// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// readAs reads a file of the tree as a reader.
func readAs(t *testing.T, r *zoo.Reader, path string) string {
	t.Helper()
	text, err := r.Do("read", path)
	if err != nil {
		t.Fatalf("%s reads %s: %v", r.Kind, path, err)
	}
	return text
}

// cgroupReader is a reader in a cgroup, which is the root of a namespace.
func cgroupReader(t *testing.T, m *mount, dir string) *zoo.Reader {
	t.Helper()
	r := zoo.NewReader(t, "root", m.dir)
	if r == nil {
		t.FailNow()
	}
	if _, err := r.Do("enter cgroup", dir); err != nil {
		t.Fatal(err)
	}
	return r
}

// The tables have the paths that a reader's own /proc/<pid>/cgroup has, for processes
// within his namespace and outside.
func TestCgroupColumnOfReader(t *testing.T) {
	m := newSharedMount(t)
	c := zoo.NewCgroups(t)
	someCgroups(t, c)
	r := cgroupReader(t, m, c.Dir+"/one/two")
	for _, file := range []string{"tasks/table", "tasks/threads", "cgroups/tasks"} {
		if file == "cgroups/tasks" {
			needTarget(t, m, "cgroup", "cgroups")
		}
		shown := map[string]int{}
		persistently(t, func() (complaints []string) {
			clear(shown)
			for _, row := range table(t, readAs(t, r, m.path(file))) {
				own, err := r.Do("read", "/proc/"+row["PID"]+"/cgroup")
				if err != nil {
					continue // it has gone
				}
				_, want, _ := strings.Cut(own, "0::")
				want = escaped.Replace(strings.TrimSuffix(want, "\n"))
				if shown[want]++; row["CGROUP"] != want {
					complaints = append(complaints, fmt.Sprintf("%s has %s in %s, natively %s", file, row["PID"], row["CGROUP"], want))
				}
			}
			return complaints
		})
		if shown["/"] < 1 || shown["/three/four/five"] != 2 || (shown["/.."] == 1) != (file != "cgroups/tasks") {
			t.Errorf("%s has processes in %v", file, shown)
		}
	}
	if row := table(t, readAs(t, r, m.path("tasks/table"))); row[0]["CGROUP"] != "/../../.." {
		t.Errorf("the first process is in %s", row[0]["CGROUP"])
	}
}

// The directory cgroups is, for a reader in a namespace, the tree below its root.
func TestCgroupDirectoriesOfReader(t *testing.T) {
	m := newSharedMount(t)
	needTarget(t, m, "cgroup", "cgroups")
	c := zoo.NewCgroups(t)
	someCgroups(t, c)
	r := cgroupReader(t, m, c.Dir+"/one")
	t.Run("v2", func(t *testing.T) { checkCgroupsOf(t, r, m, m.path("cgroups"), c) })
	t.Run("v1", func(t *testing.T) {
		c, hierarchy := zoo.NewCgroupsV1(t)
		someCgroups(t, c)
		checkCgroupsOf(t, cgroupReader(t, m, c.Dir+"/one"), m, m.path("cgroups/v1/"+hierarchy), c)
	})
}

func checkCgroupsOf(t *testing.T, r *zoo.Reader, m *mount, dir string, c *zoo.Cgroups) {
	for at, want := range map[string][]string{"": {"two"}, "/two": {"three"}, "/two/three": {"four"}} {
		listed, err := r.Do("list", dir+at)
		names := slices.DeleteFunc(strings.Split(listed, "\n"), func(name string) bool {
			return slices.Contains([]string{"iters", "table", "table.json", "tasks", "tasks.json", "v1"}, name)
		})
		if err != nil || !slices.Equal(names, want) {
			t.Errorf("%s lists %q, want %q, %v", dir+at, names, want, err)
		}
	}
	for _, outside := range []string{c.Path, "/one", "/late"} {
		if got, err := r.Do("stat", dir+outside+"/tasks"); !errors.Is(err, unix.ENOENT) {
			t.Errorf("%s is there: %s, %v", dir+outside, got, err)
		}
	}
	var paths []string
	for _, row := range table(t, readAs(t, r, dir+"/table")) {
		paths = append(paths, row["LEVEL"]+" "+row["PATH"])
	}
	if want := []string{"0 /", "1 /two", "2 /two/three", "3 /two/three/four", "4 /two/three/four/five"}; !slices.Equal(paths, want) {
		t.Errorf("%s/table has %q, want %q", dir, paths, want)
	}
	for at, want := range map[string]int{"": 4, "/two/three": 2} {
		if rows := table(t, readAs(t, r, dir+at+"/tasks")); len(rows) != want {
			t.Errorf("%d processes in %s, want %d", len(rows), dir+at, want)
		}
	}
	// The entries of other readers are not for this one, nor his for them.
	for range 3 {
		if _, err := r.Do("list", dir+"/two"); err != nil {
			t.Errorf("%s/two: %v", dir, err)
		}
		list(t, dir+c.Path+"/one/two")
		if _, err := r.Do("list", dir+c.Path); !errors.Is(err, unix.ENOENT) {
			t.Errorf("%s%s is there: %v", dir, c.Path, err)
		}
	}
}
