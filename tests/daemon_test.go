// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// layouts are the layouts of a mount, each with files that can be kept open.
var layouts = []struct {
	option string
	files  []string
}{
	{"layout=tree", []string{"tasks/table", "proc/self/stat", "proc/self/limits", "proc/uptime"}},
	{"layout=proc", []string{"self/stat", "self/limits", "uptime"}},
	{"hidepid=2", []string{"tasks/table", "proc/self/stat"}},
}

func eachLayout(t *testing.T, f func(t *testing.T, option string, files []string)) {
	need.Root(t)
	for _, l := range layouts {
		t.Run(l.option, func(t *testing.T) { f(t, l.option, l.files) })
	}
}

// startDaemon mounts in the foreground.
func startDaemon(t *testing.T, option, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary, "mount", "-o", option, dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return isMounted(t, dir) }, "not mounted")
	return cmd
}

func TestDaemon(t *testing.T) {
	eachLayout(t, func(t *testing.T, option string, files []string) {
		dir := t.TempDir()
		if out, errs, status := iterfs(t, "mount", "--daemon", "-o", option, dir); status != 0 || out+errs != "" {
			t.Fatalf("mount --daemon: status %d, %q, %q", status, out, errs)
		}
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		if _, errs, status := iterfs(t, "mount", "-o", option, dir); status != 1 || !oneLine(errs, "already mounted", "umount") {
			t.Errorf("a second mount: status %d, %q", status, errs)
		}
		mounts := mountsAt(t, dir)
		for _, name := range files {
			busy, err := os.Open(filepath.Join(dir, name))
			if err != nil {
				t.Fatalf("it returned before the tree could be used: %v", err)
			}
			if _, errs, status := iterfs(t, "umount", dir); status != 1 || !oneLine(errs, "in use", "--lazy") {
				t.Errorf("umount while %s is in use: status %d, %q", name, status, errs)
			}
			if got := mountsAt(t, dir); !slices.Equal(got, mounts) {
				t.Errorf("umount while %s is in use left %q of %q", name, got, mounts)
			}
			busy.Close()
		}
		busy, err := os.Open(filepath.Join(dir, files[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer busy.Close()
		if _, errs, status := iterfs(t, "umount", "--lazy", dir); status != 0 {
			t.Errorf("umount --lazy: %q", errs)
		}
		if got := mountsAt(t, dir); len(got) > 0 {
			t.Errorf("still mounted: %q", got)
		}
		if n, err := busy.Read(make([]byte, 4096)); n == 0 || err != nil {
			t.Errorf("an open file cannot be read to its end: %d, %v", n, err)
		}
		if _, errs, status := iterfs(t, "umount", dir); status != 1 || !oneLine(errs, "nothing is mounted") {
			t.Errorf("umount twice: status %d, %q", status, errs)
		}
	})
}

// What ends a mount leaves no mount, and ends the daemon.
func TestDaemonEnds(t *testing.T) {
	ends := map[string]func(cmd *exec.Cmd, dir string) error{
		"SIGINT":        func(cmd *exec.Cmd, _ string) error { return cmd.Process.Signal(unix.SIGINT) },
		"SIGTERM":       func(cmd *exec.Cmd, _ string) error { return cmd.Process.Signal(unix.SIGTERM) },
		"umount -l":     func(_ *exec.Cmd, dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) },
		"iterfs umount": func(_ *exec.Cmd, dir string) error { return exec.Command(binary, "umount", dir).Run() },
		"umount -R": func(_ *exec.Cmd, dir string) error {
			for isMounted(t, dir) { // the last first
				mounts := mountsAt(t, dir)
				at, _, _ := strings.Cut(mounts[len(mounts)-1], " ")
				if err := unix.Unmount(at, 0); err != nil {
					return fmt.Errorf("unmount %s: %w", at, err)
				}
			}
			return nil
		},
	}
	eachLayout(t, func(t *testing.T, option string, _ []string) {
		for name, end := range ends {
			dir := t.TempDir()
			cmd := startDaemon(t, option, dir)
			if err := end(cmd, dir); err != nil {
				t.Errorf("%s: %v", name, err)
				unix.Unmount(dir, unix.MNT_DETACH)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if got := mountsAt(t, dir); len(got) > 0 {
				t.Errorf("%s leaves %q", name, got)
			}
		}
	})
}

// A signal while a file is open: the tree goes from its directory at once, the
// file can be read on, and the daemon ends with its last close.
func TestSignalWhileInUse(t *testing.T) {
	eachLayout(t, func(t *testing.T, option string, files []string) {
		dir := t.TempDir()
		cmd := startDaemon(t, option, dir)
		f, err := os.Open(filepath.Join(dir, files[0]))
		if err != nil {
			t.Fatal(err)
		}
		cmd.Process.Signal(unix.SIGTERM)
		eventually(t, func() bool { return !isMounted(t, dir) }, "still mounted")
		if n, err := f.Read(make([]byte, 10)); n != 10 || err != nil {
			t.Errorf("the open file gives %d bytes, %v", n, err)
		}
		f.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
	})
}

func TestKilledDaemonIsTakenOver(t *testing.T) {
	eachLayout(t, func(t *testing.T, option string, _ []string) {
		dir := t.TempDir()
		cmd := startDaemon(t, option, dir)
		cmd.Process.Kill()
		cmd.Wait()
		if _, err := os.ReadDir(dir); !errors.Is(err, unix.ENOTCONN) {
			t.Fatalf("a mount without a daemon answers %v", err)
		}
		if _, errs, status := iterfs(t, "mount", "--daemon", "-o", option, dir); status != 0 {
			t.Fatalf("not taken over: %q", errs)
		}
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		if names := list(t, dir); len(names) == 0 {
			t.Error("nothing in the tree")
		}
		if _, errs, status := iterfs(t, "umount", dir); status != 0 {
			t.Error(errs)
		}
		if got := mountsAt(t, dir); len(got) > 0 {
			t.Errorf("still mounted: %q", got)
		}
	})
}

func TestDeadMountCanBeUnmounted(t *testing.T) {
	eachLayout(t, func(t *testing.T, option string, _ []string) {
		dir := t.TempDir()
		cmd := startDaemon(t, option, dir)
		cmd.Process.Kill()
		cmd.Wait()
		if _, errs, status := iterfs(t, "umount", dir); status != 0 || isMounted(t, dir) {
			t.Errorf("status %d, %q", status, errs)
		}
	})
}

// oneLine reports whether a message is one line with all of the words.
func oneLine(message string, words ...string) bool {
	for _, w := range words {
		if !strings.Contains(message, w) {
			return false
		}
	}
	return strings.Count(message, "\n") == 1
}
