// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// sleeper is a process with a root directory that is the machine's own in another place,
// and so has all that a program needs.
func sleeper(t *testing.T, dir string) uint32 {
	t.Helper()
	child := exec.Command("sleep", "1000")
	child.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		child.Process.Kill()
		child.Wait()
	})
	return uint32(child.Process.Pid)
}

// Where paths are a task's, this process keeps its own.
func TestRootDir(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root has other root directories")
	}
	dir := t.TempDir()
	if err := unix.Mount("/", dir, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	if own, err := RootDirOf(uint32(os.Getpid())); own != nil || err != nil {
		t.Errorf("this process has the root directory %v, %v", own, err)
	}
	if same, err := RootDirOf(sleeper(t, "/")); same != nil || err != nil {
		t.Errorf("a process with the same has %v, %v", same, err)
	}
	if _, err := RootDirOf(1 << 22); !errors.Is(err, unix.ENOENT) {
		t.Errorf("of no process: %v", err)
	}
	other, err := RootDirOf(sleeper(t, dir))
	if err != nil || other == nil {
		t.Fatalf("a process below a directory has %v, %v", other, err)
	}
	defer other.Close()
	file, err := os.CreateTemp(dir, "iterfs-") // at the top, which is all that is mounted there
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	link := "self/fd/" + strconv.Itoa(int(file.Fd()))
	err = other.During(func() error {
		want := file.Name()[len(dir):]
		if text, err := Readlink(link); text != want || err != nil {
			t.Errorf("a file shows as %q, %v, want %q", text, err, want)
		}
		return unix.EDOM
	})
	if err != unix.EDOM {
		t.Errorf("during: %v", err)
	}
	for range 100 { // on whatever thread
		runtime.Gosched()
		if text, err := Readlink(link); text != file.Name() || err != nil {
			t.Fatalf("then it shows as %q, %v", text, err)
		}
	}
}
