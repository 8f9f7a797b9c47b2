// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	kernel "github.com/iterfs/iterfs/native"
	"github.com/iterfs/iterfs/tests/zoo"
)

// Hidden processes are hidden where a procfs with the same options hides them: in the
// listing, at a look-up, at an open, and in the tables.
func TestHidePIDInTheTree(t *testing.T) {
	other, own := strconv.Itoa(zoo.One(t, "plain")), strconv.Itoa(zoo.One(t, "other user"))
	for _, option := range []string{"0", "1", "2", "4"} {
		t.Run(option, func(t *testing.T) {
			m := newSharedMount(t, "-o", "hidepid="+option)
			proc := procWith(t, map[string]string{"hidepid": map[string]string{"0": "off", "1": "noaccess", "2": "invisible", "4": "ptraceable"}[option]})
			for _, kind := range []string{"root", "user", "stranger", "user with SYS_PTRACE"} {
				r := zoo.NewReader(t, kind, m.dir)
				for _, pid := range []string{other, own} {
					listed := func(dir string) bool {
						names, err := r.Do("list", dir)
						if err != nil {
							t.Fatal(err)
						}
						return slices.Contains(strings.Split(names, "\n"), pid)
					}
					if got, want := listed(m.path("tasks")), listed(proc); got != want {
						t.Errorf("%s: %s is listed %v, natively %v", kind, pid, got, want)
					}
					for _, file := range []string{"stat", "status", "cmdline"} {
						_, want := r.Do("read", filepath.Join(proc, pid, file))
						_, got := r.Do("read", m.path("tasks/"+pid+"/"+file))
						if option == "4" && want == unix.EPERM {
							want = unix.ENOENT // which it is where no other reader's look-up is remembered
						}
						if !errors.Is(got, want) {
							t.Errorf("%s reads %s/%s: %v, natively %v", kind, pid, file, got, want)
						}
						if file == "stat" {
							all, err := r.Do("read", m.path("tasks/stat"))
							if err != nil || strings.Contains("\n"+all, "\n"+pid+" (") != (want == nil) {
								t.Errorf("%s: tasks/stat has %s otherwise than one may read it: %v, %v", kind, pid, want, err)
							}
						}
					}
				}
			}
		})
	}
}

// procWith mounts a procfs with options until the test ends.
func procWith(t *testing.T, options map[string]string) string {
	t.Helper()
	fd, err := kernel.Mount(options)
	if errors.Is(err, unix.EINVAL) {
		t.Skip("this kernel's procfs has no such option")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	dir := openDir(t)
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}
