// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// handed makes a reader open a file, and returns a descriptor of that file that outlives
// him.
func handed(t *testing.T, r *zoo.Reader, path string) *os.File {
	t.Helper()
	if _, err := r.Do("open", path); err != nil {
		t.Fatal(err)
	}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", r.PID))
	if err != nil {
		t.Fatal(err)
	}
	pidfd, err := unix.PidfdOpen(r.PID, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != path {
			continue
		}
		number, err := strconv.Atoi(filepath.Base(link))
		if err == nil {
			number, err = unix.PidfdGetfd(pidfd, number, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(number), path)
		t.Cleanup(func() { f.Close() })
		return f
	}
	t.Fatalf("%s is not open", path)
	return nil
}

// rewound reads a file, of which some may have been read, from the beginning.
func rewound(t *testing.T, f *os.File) string {
	t.Helper()
	var text []byte
	_, err := f.ReadAt(make([]byte, 1), 0)
	if err == nil {
		text, err = io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	}
	if err != nil {
		t.Errorf("read %s: %v", f.Name(), err)
	}
	return string(text)
}

// What has been opened in namespaces, and is read again by another when its opener has
// ended, shows what a file of procfs shows then: ids as the opener has them, cgroups as
// the one who reads.
func TestFilesOutliveTheirOpener(t *testing.T) {
	m := newSharedMount(t)
	c := zoo.NewCgroups(t)
	pid := strconv.Itoa(childrenOf(t, zoo.Herd(t, 1))[0])
	for _, kind := range []string{"root", "root of a user namespace", "user as root of a namespace"} {
		r := zoo.NewReader(t, kind, m.dir)
		if r == nil {
			continue
		}
		if kind == "root" {
			c.Make("one/two")
			if _, err := r.Do("enter cgroup", c.Dir+"/one/two"); err != nil {
				t.Fatal(err)
			}
		}
		files := map[string][2]*os.File{}
		for _, name := range []string{"status", "stat", "cgroup"} {
			files[name] = [2]*os.File{handed(t, r, m.path("tasks/"+pid+"/"+name)), handed(t, r, "/proc/"+pid+"/"+name)}
		}
		rows := handed(t, r, m.path("tasks/table"))
		r.End()
		t.Run(kind, func(t *testing.T) {
			for name, f := range files {
				if got, want := steadyText(rewound(t, f[0])), steadyText(rewound(t, f[1])); got != want {
					t.Errorf("%s is\n%s, natively\n%s", name, got, want)
				}
			}
			row, want := rowOf(t, rewound(t, rows), pid), cellsOf(rewound(t, files["stat"][1]), rewound(t, files["status"][1]))
			_, cgroup, _ := strings.Cut(rewound(t, files["cgroup"][1]), "0::")
			want["CGROUP"] = strings.TrimSpace(cgroup)
			for _, column := range []string{"UID", "GID", "CGROUP"} {
				if row[column] != want[column] {
					t.Errorf("%s in tasks/table is %s, natively %s", column, row[column], want[column])
				}
			}
		})
	}
}

// With its pid namespace the tasks of a file have ended. Others have their numbers.
func TestFilesOutliveTheirTasks(t *testing.T) {
	m := newSharedMount(t)
	for _, kind := range []string{"pid namespace", "pid namespace in another"} {
		r := zoo.NewReader(t, kind, m.dir)
		if r == nil {
			continue
		}
		all, one := handed(t, r, m.path("tasks/table")), handed(t, r, m.path("tasks/1/stat"))
		first := handed(t, r, "/proc/1/stat")
		if rows := table(t, rewound(t, all)); len(rows) != 1 || rows[0]["PID"] != "1" {
			t.Errorf("%s sees %v", kind, rows)
		}
		r.End()
		if rows := table(t, rewound(t, all)); len(rows) != 0 {
			t.Errorf("%s sees %v when all of its tasks have ended", kind, rows)
		}
		_, want := first.ReadAt(make([]byte, 1), 0)
		if n, err := one.ReadAt(make([]byte, 1), 0); !errors.Is(err, unix.ESRCH) || !errors.Is(want, unix.ESRCH) {
			t.Errorf("%s has %d bytes, %v, of a task that has ended, natively %v", kind, n, err, want)
		}
	}
}
