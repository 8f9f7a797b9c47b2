// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs/rights"
)

// sleepAs starts a process that does nothing until the test ends.
func sleepAs(t *testing.T, attr *syscall.SysProcAttr) int {
	t.Helper()
	child := exec.Command("sleep", "1000")
	child.SysProcAttr = attr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		child.Process.Kill()
		child.Wait()
	})
	return child.Process.Pid
}

// write writes a text as echo does, and tells how far it came.
func write(path, text string) string {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_TRUNC, 0)
	if err != nil {
		return fmt.Sprintf("open: %v", err)
	}
	defer unix.Close(fd)
	n, err := unix.Write(fd, []byte(text))
	return fmt.Sprintf("write: %d bytes, %v", n, err)
}

// Whoever writes to a file of procfs gets the kernel's answer to it, which is not
// that to the daemon. Of two processes that are alike, one is written to natively.
func TestWritesAsTheCaller(t *testing.T) {
	m := newMount(t, "-o", "allow_other")
	if err := os.Chmod(filepath.Dir(m.dir), 0o755); err != nil {
		t.Fatal(err)
	}
	user := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: zooUser, Gid: zooGroup}}
	able := &syscall.SysProcAttr{Credential: user.Credential, AmbientCaps: []uintptr{unix.CAP_SYS_NICE, unix.CAP_DAC_OVERRIDE}}
	callers := map[string]rights.Task{
		"root":      {TID: uint32(os.Getpid())},
		"user":      {UID: zooUser, GID: zooGroup, TID: uint32(sleepAs(t, user))},
		"able user": {UID: zooUser, GID: zooGroup, TID: uint32(sleepAs(t, able))},
	}
	targets := map[string][2]int{
		"root's":  {sleepAs(t, nil), sleepAs(t, nil)},
		"user's":  {sleepAs(t, user), sleepAs(t, user)},
		"capable": {sleepAs(t, able), sleepAs(t, able)},
	}
	allowed, refused := 0, 0
	for caller, task := range callers {
		for target, pids := range targets {
			for _, w := range [][2]string{
				{"oom_score_adj", "300"}, {"oom_score_adj", "-300"}, {"oom_score_adj", "5000"}, {"oom_score_adj", "400\n"}, {"oom_score_adj", "x"},
				{"timerslack_ns", "123456"}, {"coredump_filter", "0x12"}, {"clear_refs", "1"}, {"clear_refs", "9"},
				{"comm", "other"}, {"loginuid", "77"}, {"attr/current", "x"}, {"uid_map", "0 0 1"}, {"setgroups", "deny"},
				{"stat", "x"}, {"limits", "x"}, {"environ", "x"}, {"no_such_file", "x"}, {"net/tcp", "x"}, {"task", "x"}, {"exe", ""},
				{"task/%d/comm", "other"}, {"task/%d/oom_score_adj", "500"},
			} {
				name := w[0]
				var real, ours string
				if err := rights.As(task, nil, func() error {
					real = write(fmt.Sprintf("/proc/%d/", pids[0])+threadPath(name, pids[0]), w[1])
					ours = write(m.path(fmt.Sprintf("tasks/%d/", pids[1])+threadPath(name, pids[1])), w[1])
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				if ours != real {
					t.Errorf("%s writes %q to %s %s: %s, want %s", caller, w[1], target, name, ours, real)
				}
				if real == fmt.Sprintf("write: %d bytes, <nil>", len(w[1])) {
					allowed++
				} else {
					refused++
				}
				was, _ := os.ReadFile(fmt.Sprintf("/proc/%d/", pids[0]) + threadPath(name, pids[0]))
				is, _ := os.ReadFile(fmt.Sprintf("/proc/%d/", pids[1]) + threadPath(name, pids[1]))
				if name != "stat" && name != "net/tcp" && string(was) != string(is) {
					t.Errorf("%s wrote %q to %s %s, which is %q, want %q", caller, w[1], target, name, is, was)
				}
			}
		}
	}
	if allowed < 20 || refused < 50 {
		t.Errorf("only %d writes were allowed, %d refused", allowed, refused)
	}
}

// threadPath is a path below a process's directory, with its first thread in place
// of a number.
func threadPath(name string, pid int) string {
	if filepath.Dir(filepath.Dir(name)) == "task" {
		return fmt.Sprintf(name, pid)
	}
	return name
}

// changes are what would change the directory of a process.
var changes = map[string]func(dir string) error{
	"unlink":          func(dir string) error { return unix.Unlink(dir + "/comm") },
	"unlink passed":   func(dir string) error { return unix.Unlink(dir + "/environ") },
	"unlink link":     func(dir string) error { return unix.Unlink(dir + "/fd/0") },
	"rmdir":           func(dir string) error { return unix.Rmdir(dir + "/fd") },
	"mkdir":           func(dir string) error { return unix.Mkdir(dir+"/x", 0o755) },
	"mkdir below":     func(dir string) error { return unix.Mkdir(dir+"/net/x", 0o755) },
	"mkdir of thread": func(dir string) error { return unix.Mkdir(dir+"/task/x", 0o755) },
	"mkdir again":     func(dir string) error { return unix.Mkdir(dir+"/fd", 0o755) },
	"mknod":           func(dir string) error { return unix.Mknod(dir+"/x", unix.S_IFIFO, 0) },
	"symlink":         func(dir string) error { return unix.Symlink("a", dir+"/x") },
	"link":            func(dir string) error { return unix.Link(dir+"/comm", dir+"/x") },
	"rename":          func(dir string) error { return unix.Rename(dir+"/comm", dir+"/x") },
	"rename over":     func(dir string) error { return unix.Rename(dir+"/comm", dir+"/stat") },
	"create": func(dir string) error {
		fd, err := unix.Open(dir+"/x", unix.O_CREAT|unix.O_WRONLY, 0o644)
		unix.Close(fd)
		return err
	},
	"chmod":           func(dir string) error { return unix.Chmod(dir+"/comm", 0o600) },
	"chmod directory": func(dir string) error { return unix.Chmod(dir, 0o700) },
	"truncate":        func(dir string) error { return unix.Truncate(dir+"/comm", 0) },
	"touch":           func(dir string) error { return unix.Utimes(dir+"/comm", nil) },
}

// Directories of procfs hold what they hold.
func TestProcessDirectoriesCannotChange(t *testing.T) {
	m := newMount(t)
	pid := sleepAs(t, nil)
	for what, change := range changes {
		want, got := change(fmt.Sprintf("/proc/%d", pid)), change(m.path(fmt.Sprintf("tasks/%d", pid)))
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
}

// So do those of the drop-in; where the kernel's own is refused, that may be because
// this is read-only.
func TestProcCannotChange(t *testing.T) {
	root := newProc(t)
	pid := sleepAs(t, nil)
	for what, change := range changes {
		for _, dir := range []string{fmt.Sprintf("/%d", pid), fmt.Sprintf("/%d/task/%[1]d", pid)} {
			want, got := change("/proc"+dir), change(root+dir)
			if got != want && (got != unix.EROFS || want == nil) {
				t.Errorf("%s in %s: %v, want %v", what, dir, got, want)
			}
		}
	}
}
