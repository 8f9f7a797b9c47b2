// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Cgroups is a cgroup of the test's own, which goes with it and all below it.
type Cgroups struct {
	t testing.TB
	// Dir is its directory, Path where that is in the hierarchy.
	Dir, Path string
}

// NewCgroups makes one in v2.
func NewCgroups(t testing.TB) *Cgroups {
	t.Helper()
	roots := hierarchies(t, func(m *mountinfo.Info) bool { return m.FSType == "cgroup2" })
	if len(roots) == 0 {
		t.Skip("no hierarchy of cgroup v2 is mounted here")
	}
	return newCgroups(t, roots[0], "test")
}

// hierarchies are where those that are wanted are mounted as a whole.
func hierarchies(t testing.TB, wanted func(*mountinfo.Info) bool) (roots []string) {
	t.Helper()
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return m.Root != "/" || !wanted(m), false
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mounts {
		roots = append(roots, m.Mountpoint)
	}
	return roots
}

// NewCgroupsV1 makes one in a hierarchy of v1 that is the test's own too, and
// returns the hierarchy's name in /proc/<pid>/cgroup with it.
func NewCgroupsV1(t testing.TB) (c *Cgroups, hierarchy string) {
	t.Helper()
	name := fmt.Sprintf("name=iterfs-%d", os.Getpid())
	dir := t.TempDir()
	mount := func() error { return unix.Mount("cgroup", dir, "cgroup", 0, "none,"+name) }
	if err := mount(); err != nil {
		t.Skipf("no hierarchy of cgroup v1 can be made here: %v", err)
	}
	t.Cleanup(func() {
		// A hierarchy goes some time after its last mount, but stays if a cgroup in it
		// had not quite gone: then another mount has to end.
		for range 50 {
			if err := unix.Unmount(dir, 0); err != nil {
				t.Error(err)
				return
			}
			for range 10 {
				own, err := os.ReadFile("/proc/self/cgroup")
				if err == nil && !strings.Contains(string(own), ":"+name+":") {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			if err := mount(); err != nil {
				t.Error(err)
				return
			}
		}
		t.Errorf("the hierarchy %s stays", name)
	})
	return newCgroups(t, dir, "test"), name
}

func newCgroups(t testing.TB, root, name string) *Cgroups {
	t.Helper()
	c := &Cgroups{t: t, Path: fmt.Sprintf("/iterfs-%s-%d", name, os.Getpid())}
	c.Dir = root + c.Path
	if err := os.Mkdir(c.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.clear)
	return c
}

// Make makes a cgroup, and those on the way to it.
func (c *Cgroups) Make(path string) {
	c.t.Helper()
	if err := os.MkdirAll(filepath.Join(c.Dir, path), 0o755); err != nil {
		c.t.Fatal(err)
	}
}

// Write writes to a file of a cgroup.
func (c *Cgroups) Write(path, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.Dir, path), []byte(text), 0); err != nil {
		c.t.Fatal(err)
	}
}

// Move moves a process there.
func (c *Cgroups) Move(path string, pid int) {
	c.t.Helper()
	c.Write(path+"/cgroup.procs", strconv.Itoa(pid))
}

// clear removes all of it.
func (c *Cgroups) clear() {
	c.t.Helper()
	var err error
	for range 500 { // a process that has ended leaves its cgroup a little later
		if err = removeCgroups(unix.AT_FDCWD, c.Dir); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Error(err)
}

// removeCgroups removes a directory from below dirfd with all cgroups in it. Paths
// may be longer than PATH_MAX: it goes from directory to directory.
func removeCgroups(dirfd int, name string) error {
	fd, err := unix.Openat(dirfd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	dir := os.NewFile(uintptr(fd), name)
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeCgroups(fd, e.Name()); err != nil {
				return err
			}
		}
	}
	return os.NewSyscallError("rmdir "+name, unix.Unlinkat(dirfd, name, unix.AT_REMOVEDIR))
}
