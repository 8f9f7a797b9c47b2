// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// privately gives the rest of a test, and the programs it runs, a mount namespace
// of its own; with shared, mounts are shared between its mounts as systemd has it.
func privately(t *testing.T, shared bool) {
	t.Helper()
	need.Root(t)
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	setPropagation(t, "/", unix.MS_REC|unix.MS_PRIVATE)
	if shared {
		setPropagation(t, "/", unix.MS_REC|unix.MS_SHARED)
	}
}

func setPropagation(t testing.TB, dir string, flags uintptr) {
	t.Helper()
	if err := unix.Mount("", dir, "", flags, ""); err != nil {
		t.Fatalf("change the propagation of %s: %v", dir, err)
	}
}

// daemonOn mounts on a directory until the test ends.
func daemonOn(t *testing.T, dir string, options ...string) {
	t.Helper()
	list := strings.Join(append([]string{"rw"}, options...), ",")
	if _, errs, status := iterfs(t, "mount", "--daemon", "-o", list, dir); status != 0 {
		t.Fatalf("mount -o %s: %s", list, errs)
	}
	t.Cleanup(func() {
		if _, errs, status := iterfs(t, "umount", dir); status != 0 {
			t.Errorf("umount: %s", errs)
			unix.Unmount(dir, unix.MNT_DETACH)
		}
		if kind := mountsAt(t, dir); slices.ContainsFunc(kind, func(m string) bool { return strings.HasSuffix(m, " fuse.iterfs") }) {
			t.Errorf("still mounted: %q", kind)
		}
	})
}

// Where mounts are shared the tree is there once in each place that shares.
func TestSharedMounts(t *testing.T) {
	eachLayout(t, func(t *testing.T, option string, _ []string) {
		privately(t, true)
		dir, peer := t.TempDir(), t.TempDir()
		for _, mount := range []struct {
			from, to, kind string
			flags          uintptr
		}{{"none", dir, "tmpfs", 0}, {"", dir, "", unix.MS_SHARED}, {dir, peer, "", unix.MS_BIND}} {
			if err := unix.Mount(mount.from, mount.to, mount.kind, mount.flags, ""); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() {
			for _, d := range []string{peer, dir} {
				if err := unix.Unmount(d, 0); err != nil {
					t.Error(err)
				}
			}
		})
		before := mountsAt(t, "/proc")
		on := filepath.Join(dir, "on")
		if err := os.Mkdir(on, 0o755); err != nil {
			t.Fatal(err)
		}
		daemonOn(t, on, option)
		here, there := mountsAt(t, dir), mountsAt(t, peer)
		for i := range there {
			there[i] = dir + strings.TrimPrefix(there[i], peer)
		}
		if !slices.Equal(here, there) {
			t.Errorf("mounts differ: %q and %q", here, there)
		}
		if twice := slices.Compact(slices.Clone(here)); len(twice) != len(here) {
			t.Errorf("something is mounted twice: %q", here)
		}
		if now := mountsAt(t, "/proc"); !slices.Equal(now, before) {
			t.Errorf("/proc has got other mounts: %q", now)
		}
		// What is mounted on /proc from now on is none of the drop-in's.
		if err := unix.Mount("none", "/proc/fs", "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		if got := mountsAt(t, dir); !slices.Equal(got, here) {
			t.Errorf("a mount on /proc came along: %q", got)
		}
		if err := unix.Unmount("/proc/fs", 0); err != nil {
			t.Error(err)
		}
	})
}

// What is mounted on /proc is there too, but for what only mounts something there.
func TestMountsOnProc(t *testing.T) {
	privately(t, false)
	if err := unix.Mount("none", "/proc/fs", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount("/proc/fs", 0) })
	if err := os.WriteFile("/proc/fs/here", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	automounted := mountAutofs(t, "/proc/tty")
	dir := t.TempDir()
	daemonOn(t, dir)
	for _, name := range []string{"proc/fs/here", "proc/.native/fs/here"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if automounted {
		if entries, err := os.ReadDir(filepath.Join(dir, "proc/tty")); err != nil || len(entries) == 0 {
			t.Errorf("where /proc mounts by itself: %d entries, %v", len(entries), err)
		}
	}
}

// mountAutofs makes a directory one whose daemon, which does not answer, would
// mount something there, where the kernel has autofs.
func mountAutofs(t *testing.T, dir string) bool {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	defer w.Close()
	options := fmt.Sprintf("fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", w.Fd(), unix.Getpgrp())
	if err := unix.Mount("test", dir, "autofs", 0, options); err != nil {
		t.Logf("no autofs on this kernel: %v", err)
		return false
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return true
}

// Who is in the drop-in when its mounts go, finds that the kernel's files have gone,
// and not that they are empty.
func TestLeftInProc(t *testing.T) {
	privately(t, false)
	dir := t.TempDir()
	if _, errs, status := iterfs(t, "mount", "--daemon", "-o", "layout=proc", dir); status != 0 {
		t.Fatal(errs)
	}
	if err := os.Chdir(dir); err != nil {
		t.Fatal(err)
	}
	defer os.Chdir("/")
	if _, errs, status := iterfs(t, "umount", "--lazy", dir); status != 0 {
		t.Fatal(errs)
	}
	// The page cache of Linux 7 has no other error than EIO.
	if text, err := os.ReadFile("uptime"); !errors.Is(err, unix.ENODEV) && (!errors.Is(err, unix.EIO) || need.OlderThan(7, 0)) {
		t.Errorf("uptime is %q, %v", text, err)
	}
	if text, err := os.ReadFile("self/limits"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("self/limits is %q, %v", text, err)
	}
	if entries, err := os.ReadDir("sys"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("sys has %d entries, %v", len(entries), err)
	}
	if _, err := os.ReadFile("self/stat"); err != nil {
		t.Error(err)
	}
}

// A mount of somebody else's in the tree is in use, and is left alone.
func TestForeignMounts(t *testing.T) {
	privately(t, false)
	for _, on := range []string{"kernel", "proc/sys", "proc/uptime", "proc"} {
		dir := t.TempDir()
		daemonOn(t, dir)
		kind, from, flags := "tmpfs", "none", uintptr(0)
		if on == "proc/uptime" {
			kind, from, flags = "", binary, unix.MS_BIND
		}
		at := filepath.Join(dir, on)
		if err := unix.Mount(from, at, kind, flags, ""); err != nil {
			t.Fatal(err)
		}
		mounts := mountsAt(t, dir)
		if _, errs, status := iterfs(t, "umount", dir); status != 1 || !oneLine(errs, "in use", at) {
			t.Errorf("%s: status %d, %q", on, status, errs)
		}
		if got := mountsAt(t, dir); !slices.Equal(got, mounts) {
			t.Errorf("%s: umount left %q of %q", on, got, mounts)
		}
		if err := unix.Unmount(at, 0); err != nil {
			t.Error(err)
		}
	}
}

// A daemon that is killed while it mounts leaves nothing, but what can be taken over.
func TestKilledWhileMounting(t *testing.T) {
	eachLayout(t, func(t *testing.T, option string, _ []string) {
		dir := t.TempDir()
		began := time.Now()
		cmd := startDaemon(t, option, dir)
		took := time.Since(began)
		cmd.Process.Kill()
		cmd.Wait()
		const kills = 20
		for i := range kills {
			cmd := exec.Command(binary, "mount", "-o", option, dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(took * time.Duration(i) / kills)
			cmd.Process.Kill()
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Fatalf("%d of %d: it does not end", i, kills)
			}
		}
		daemonOn(t, dir, option)
	})
}
