// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/tests/need"
)

// mount mounts the tree on a directory, over /proc, with the native one in it.
func mount(dir string, c Config) (*Mount, error) {
	native, err := os.OpenFile("/proc", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	connection, err := Connect(fs.ConnectionOptions{AllowOther: c.AllowOther})
	if err != nil {
		return nil, err
	}
	defer connection.CloseMount()
	c.Device, c.Dir, c.Native = connection.Device, dir, native
	m, err := New(c)
	if err == nil {
		err = unix.MoveMount(connection.Mount, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH)
	}
	if err == nil {
		err = unix.Mount("/proc", filepath.Join(dir, fs.NativeName), "", unix.MS_BIND, "")
	}
	return m, err
}

// unmount takes the tree away from its directory: a tree in use is EBUSY, unless lazy.
func (m *Mount) unmount(lazy bool) error {
	flags := unix.UMOUNT_NOFOLLOW
	if lazy {
		flags |= unix.MNT_DETACH
	}
	return unix.Unmount(m.Dir, flags)
}

// mounted mounts the tree until the test ends.
func mounted(t testing.TB, change func(*Config)) *Mount {
	t.Helper()
	need.Root(t)
	c := Config{Freshness: 250 * time.Millisecond, Log: slog.New(slog.NewTextHandler(testLog{t}, nil))}
	if change != nil {
		change(&c)
	}
	m, err := mount(t.TempDir(), c)
	if err != nil {
		t.Fatal(err)
	}
	under := filepath.Join(m.Dir, fs.NativeName)
	// The first poll of a file asks the server. Go's runtime polls each file that is
	// opened, and lets no other goroutine run meanwhile: not this server's.
	if fd, err := unix.Open(m.path(os.Getpid(), "status"), unix.O_RDONLY, 0); err == nil {
		unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		unix.Close(fd)
	}
	t.Cleanup(func() {
		unix.Unmount(under, unix.MNT_DETACH)
		if err := m.unmount(false); err != nil {
			t.Error(err)
			m.unmount(true)
		}
		select {
		case <-m.Done():
		case <-time.After(10 * time.Second):
			t.Error("the server does not end after the unmount")
		}
	})
	return m
}

// testLog fails the test for whatever is logged.
type testLog struct{ testing.TB }

func (t testLog) Write(p []byte) (int, error) {
	t.Errorf("%s", p)
	return len(p), nil
}

func (m *Mount) path(pid int, name string) string {
	return filepath.Join(m.Dir, strconv.Itoa(pid), name)
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFilesAreThose(t *testing.T) {
	m := mounted(t, nil)
	pid := os.Getpid()
	for _, name := range []string{"cmdline", "comm", "environ", "limits", "cgroup", "oom_score_adj", "uid_map", "attr/current"} {
		native, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			continue
		}
		if b := readFile(t, m.path(pid, name)); !bytes.Equal(b, native) {
			t.Errorf("%s is %q, natively %q", name, b, native)
		}
	}
	if _, err := os.Lstat(m.path(pid, "nothing")); !os.IsNotExist(err) {
		t.Errorf("what the kernel does not have: %v", err)
	}
	if _, err := os.Lstat(m.path(1<<22+1, "stat")); !os.IsNotExist(err) {
		t.Errorf("a process that is not: %v", err)
	}
}

func TestLinks(t *testing.T) {
	m := mounted(t, nil)
	for name, want := range map[string]string{
		"self": strconv.Itoa(os.Getpid()), "mounts": "self/mounts", "net": "self/net",
		"self/exe": "", "self/cwd": "", "self/root": "",
	} {
		if want == "" {
			want, _ = os.Readlink("/proc/" + name)
		}
		if text, err := os.Readlink(filepath.Join(m.Dir, name)); err != nil || text != want {
			t.Errorf("%s: %q, %v, want %q", name, text, err, want)
		}
	}
	was, _ := os.Getwd()
	t.Chdir("/tmp")
	if text, _ := os.Readlink(m.path(os.Getpid(), "cwd")); text != "/tmp" {
		t.Errorf("cwd is %q after a change from %q", text, was)
	}
}

// Entries come in procfs's order: files, then processes.
func TestListings(t *testing.T) {
	m := mounted(t, nil)
	for _, dir := range []string{".", "self/."} {
		native, got := names(t, filepath.Join("/proc", dir)), names(t, filepath.Join(m.Dir, dir))
		files := func(names []string) []string {
			return slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, is := parsePID(name); return is })
		}
		if !slices.Equal(files(got), files(native)) {
			t.Errorf("%s has %q, natively %q", dir, files(got), files(native))
		}
		if dir != "." {
			continue
		}
		pids := got[len(files(got)):]
		if !slices.Contains(pids, strconv.Itoa(os.Getpid())) || !slices.IsSortedFunc(pids, func(a, b string) int {
			x, _ := parsePID(a)
			y, _ := parsePID(b)
			return cmp.Compare(x, y)
		}) {
			t.Errorf("the processes are %q", pids)
		}
	}
}

// names lists a directory in its order.
func names(t testing.TB, dir string) (names []string) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	names, err = f.Readdirnames(0)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// What may not be kept, or not be shown to all, is left to the native procfs.
func TestLeftToTheNativeProcfs(t *testing.T) {
	pid := os.Getpid()
	for name, test := range map[string]struct {
		change func(*Config)
		links  []File
	}{
		"live":          {func(c *Config) { c.Freshness = 0 }, []File{Stat, Status, Statm, Cmdline}},
		"other users":   {func(c *Config) { c.AllowOther = true }, []File{Stat, Status}},
		"neither, kept": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := mounted(t, test.change)
			for f := range NumHot {
				text, err := os.Readlink(m.path(pid, f.String()))
				if is := err == nil; is != slices.Contains(test.links, f) {
					t.Errorf("%v: a link: %v", f, is)
				} else if is && text != fmt.Sprintf("../%s/%d/%v", fs.NativeName, pid, f) {
					t.Errorf("%v leads to %s", f, text)
				}
				readFile(t, m.path(pid, f.String()))
			}
		})
	}
}
