// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
	"github.com/iterfs/iterfs/tests/need"
)

// other starts a process with attributes, which lives until the test ends.
func other(t *testing.T, attr *syscall.SysProcAttr) uint32 {
	t.Helper()
	need.Root(t)
	child := exec.Command("sleep", "1000")
	child.SysProcAttr = attr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		child.Process.Kill()
		child.Wait()
	})
	return uint32(child.Process.Pid)
}

// withoutBounds calls f on a thread whose children have no capabilities.
func withoutBounds(f func()) {
	thread.Do(func() error {
		for c := range 64 {
			unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0) // EINVAL behind the last
		}
		f()
		return nil
	})
}

// fields are lines of this thread's status.
func fields(t *testing.T, names string) string {
	t.Helper()
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		t.Error(err)
	}
	return string(bytes.Join(regexp.MustCompile(`(?m)^(?:`+names+`):.*`).FindAll(status, -1), []byte("\n")))
}

// Whoever has fewer rights is followed, and this process does not change.
func TestAs(t *testing.T) {
	const lines = "Uid|Gid|Groups|CapEff"
	user := Task{1000, 1001, other(t, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1001, Groups: []uint32{4, 24}}})}
	capable := Task{1000, 1001, other(t, &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: 1000, Gid: 1001}, AmbientCaps: []uintptr{unix.CAP_SYS_PTRACE, unix.CAP_KILL},
	})}
	var powerless Task
	withoutBounds(func() { powerless.TID = other(t, nil) })
	all := Task{TID: uint32(os.Getpid())}
	before := fields(t, lines)
	for _, test := range []struct {
		task Task
		want string
	}{
		{user, "Uid:\t0\t1000\t0\t1000\nGid:\t0\t1001\t0\t1001\nGroups:\t4 24 \nCapEff:\t0000000000000000"},
		{capable, "Uid:\t0\t1000\t0\t1000\nGid:\t0\t1001\t0\t1001\nGroups:\t \nCapEff:\t0000000000080020"},
		{powerless, "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n" + fields(t, "Groups") + "\nCapEff:\t0000000000000000"},
		{all, before},
	} {
		err := As(test.task, nil, func() error {
			if got := fields(t, lines); got != test.want {
				t.Errorf("%v: %s, want %s", test.task, got, test.want)
			}
			return unix.EDOM
		})
		if err != unix.EDOM {
			t.Errorf("%v: %v", test.task, err)
		}
		if has, err := All(test.task); err != nil || has != (test.task == all) {
			t.Errorf("%v has all rights: %v, %v", test.task, has, err)
		}
	}
	for range 100 { // on whatever thread
		runtime.Gosched()
		if now := fields(t, lines); now != before {
			t.Fatalf("this process has become %s", now)
		}
	}
}

// The kernel's verdict is that on the other.
func TestVerdicts(t *testing.T) {
	victim := other(t, nil)
	environ := func() error {
		_, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", victim))
		return err
	}
	user := Task{1000, 1001, other(t, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1001}})}
	if err := As(user, nil, environ); !errors.Is(err, unix.EACCES) {
		t.Errorf("of a process of root: %v", err)
	}
	victim = other(t, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1001}})
	if err := As(user, nil, environ); err != nil {
		t.Errorf("of its own: %v", err)
	}
	var powerless Task
	withoutBounds(func() { powerless.TID = other(t, nil) })
	victim = uint32(os.Getppid())
	if err := As(powerless, nil, environ); !errors.Is(err, unix.EACCES) {
		t.Errorf("of a process of more capabilities: %v", err)
	}
}

func TestForeign(t *testing.T) {
	task := Task{TID: other(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER})}
	if err := As(task, nil, func() error { return nil }); err != ErrForeign || !errors.Is(err, unix.EACCES) {
		t.Errorf("one in another user namespace: %v", err)
	}
	if err := As(Task{TID: 1 << 22}, nil, func() error { return nil }); !errors.Is(err, unix.ESRCH) {
		t.Errorf("one that does not exist: %v", err)
	}
}

func BenchmarkAs(b *testing.B) {
	need.Root(b)
	for name, task := range map[string]Task{"all": {TID: uint32(os.Getpid())}, "other": {1000, 1000, uint32(os.Getpid())}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := As(task, nil, func() error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
