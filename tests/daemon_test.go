// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

func eventually(t testing.TB, what func() bool, complaint string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !what(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
	}
}

func list(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func isMounted(dir string) bool {
	table, _ := os.ReadFile("/proc/self/mounts")
	return strings.Contains(string(table), " "+dir+" fuse.iterfs ")
}

func TestDaemon(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	if out, errs, status := iterfs(t, "mount", "--daemon", dir); status != 0 || out+errs != "" {
		t.Fatalf("mount --daemon: status %d, %q, %q", status, out, errs)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	if _, err := os.ReadFile(filepath.Join(dir, "README")); err != nil {
		t.Errorf("it returned before the tree could be used: %v", err)
	}
	if _, errs, status := iterfs(t, "mount", dir); status != 1 || !oneLine(errs, "already mounted", "umount") {
		t.Errorf("a second mount: status %d, %q", status, errs)
	}
	busy, err := os.Open(filepath.Join(dir, "tasks/table"))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if _, errs, status := iterfs(t, "umount", dir); status != 1 || !oneLine(errs, "in use", "--lazy") {
		t.Errorf("umount of a tree in use: status %d, %q", status, errs)
	}
	if _, errs, status := iterfs(t, "umount", "--lazy", dir); status != 0 {
		t.Errorf("umount --lazy: %q", errs)
	}
	if isMounted(dir) {
		t.Error("still mounted")
	}
	if n, err := busy.Read(make([]byte, 4096)); n == 0 || err != nil {
		t.Errorf("an open file cannot be read to its end: %d, %v", n, err)
	}
	if _, errs, status := iterfs(t, "umount", dir); status != 1 || !oneLine(errs, "nothing is mounted") {
		t.Errorf("umount twice: status %d, %q", status, errs)
	}
}

func TestSignalsUnmount(t *testing.T) {
	need.Root(t)
	for _, signal := range []unix.Signal{unix.SIGINT, unix.SIGTERM} {
		dir := t.TempDir()
		cmd := exec.Command(binary, "mount", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		m := &mount{dir: dir, cmd: cmd}
		m.await(t)
		cmd.Process.Signal(signal)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", signal, err)
		}
		if isMounted(dir) {
			t.Errorf("%v leaves the mount", signal)
		}
	}
}

// A signal while a file is open: the tree goes from its directory at once, the
// file can be read on, and the daemon ends with its last close.
func TestSignalWhileInUse(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	cmd := exec.Command(binary, "mount", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	(&mount{dir: dir, cmd: cmd}).await(t)
	f, err := os.Open(filepath.Join(dir, "tasks/stat"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Process.Signal(unix.SIGTERM)
	eventually(t, func() bool { return !isMounted(dir) }, "still mounted")
	if n, err := f.Read(make([]byte, 100)); n != 100 || err != nil {
		t.Errorf("the open file gives %d bytes, %v", n, err)
	}
	f.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

func TestKilledDaemonIsTakenOver(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	cmd := exec.Command(binary, "mount", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	(&mount{dir: dir, cmd: cmd}).await(t)
	cmd.Process.Kill()
	cmd.Wait()
	if _, err := os.ReadDir(dir); !errors.Is(err, unix.ENOTCONN) {
		t.Fatalf("a mount without a daemon answers %v", err)
	}
	if _, errs, status := iterfs(t, "mount", "--daemon", dir); status != 0 {
		t.Fatalf("not taken over: %q", errs)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	if names := list(t, dir); len(names) == 0 {
		t.Error("nothing in the tree")
	}
	if _, errs, status := iterfs(t, "umount", dir); status != 0 {
		t.Error(errs)
	}
	if isMounted(dir) {
		t.Error("the dead mount is still there")
	}
}

func TestDeadMountCanBeUnmounted(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	cmd := exec.Command(binary, "mount", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	(&mount{dir: dir, cmd: cmd}).await(t)
	cmd.Process.Kill()
	cmd.Wait()
	if _, errs, status := iterfs(t, "umount", dir); status != 0 || isMounted(dir) {
		t.Errorf("status %d, %q", status, errs)
	}
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
