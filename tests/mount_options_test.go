// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// mount(8), umount(8) and fstab know the type, where the helpers are installed.
func TestMountProgram(t *testing.T) {
	mount, umount := need.Tool(t, "mount", "mount"), need.Tool(t, "umount", "mount")
	privately(t, false)
	sbin := t.TempDir()
	link := func(helper string) {
		if err := os.Symlink(binary, filepath.Join(sbin, helper)); err != nil {
			t.Fatal(err)
		}
	}
	link("mount.fuse.iterfs")
	link("umount.fuse.iterfs")
	if err := unix.Mount(sbin, "/sbin", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	dir, fstab := t.TempDir(), filepath.Join(t.TempDir(), "fstab")
	line := "tree " + dir + " fuse.iterfs defaults,noauto,x-systemd.automount,freshness=100ms 0 0\n"
	if err := os.WriteFile(fstab, []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, command := range [][]string{
		{mount, "-t", "fuse.iterfs", "-o", "nosuid,layout=tree", "tree", dir},
		{mount, "-T", fstab, dir},
		{binary, "tree", dir, "-o", "rw,dev,suid"}, // as mount.fuse3(8)
	} {
		if _, errs, status := output(t, exec.Command(command[0], command[1:]...)); status != 0 || errs != "" {
			t.Fatalf("%q: status %d, %s", command, status, errs)
		}
		if _, err := os.Stat(filepath.Join(dir, "proc/uptime")); err != nil {
			t.Errorf("%q: %v", command, err)
		}
		table, err := os.ReadFile("/proc/thread-self/mounts")
		if err != nil || !strings.Contains(string(table), "\ntree "+dir+" fuse.iterfs ") {
			t.Errorf("%q: not in the table, %v", command, err)
		}
		unmount := []string{umount, "-c", dir} // as systemd; umount(8) then reads the table of mounts
		if i > 0 {
			unmount = []string{umount, dir}
		}
		if _, errs, status := output(t, exec.Command(unmount[0], unmount[1:]...)); status != 0 || errs != "" {
			t.Errorf("%q: status %d, %s", unmount, status, errs)
		}
		if got := mountsAt(t, dir); len(got) > 0 {
			t.Errorf("umount leaves %q", got)
			unix.Unmount(dir, unix.MNT_DETACH)
		}
		if i == 0 {
			link("umount.fuse")
		}
	}
	if _, errs, status := output(t, exec.Command(mount, "-t", "fuse.iterfs", "-o", "nonsense", "tree", dir)); status == 0 || !strings.Contains(errs, "nonsense") {
		t.Errorf("a wrong option: status %d, %s", status, errs)
	}
}

// proc/ hides from others what procfs hides.
func TestHidePID(t *testing.T) {
	need.Root(t)
	for _, option := range []string{"0", "1", "2", "ptraceable"} {
		dir := t.TempDir()
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		daemonOn(t, dir, "allow_other", "hidepid="+option, "gid="+strconv.Itoa(zooGroup))
		stat := filepath.Join(dir, "proc", strconv.Itoa(os.Getppid()), "status")
		open := func(uid, gid int) error { return as(t, uid, gid, func() error { return tryOpen(stat) }) }
		want := map[string]error{"0": nil, "1": unix.EPERM, "2": unix.ENOENT, "ptraceable": unix.ENOENT}[option]
		if err := open(zooUser, zooUser); !errors.Is(err, want) {
			t.Errorf("hidepid=%s: %v, want %v", option, err, want)
		}
		if option == "ptraceable" {
			continue // binds the group too
		}
		if err := open(zooUser, zooGroup); err != nil {
			t.Errorf("hidepid=%s: the group gets %v", option, err)
		}
	}
	if _, errs, status := iterfs(t, "mount", "-o", "layout=proc,hidepid=2", t.TempDir()); status != 1 || !oneLine(errs, "mount -t proc") {
		t.Errorf("layout=proc with hidepid: status %d, %q", status, errs)
	}
}

// With ro not even the native files can be written.
func TestReadOnly(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	if _, errs, status := iterfs(t, "mount", "--daemon", "-o", "ro", dir); status != 0 {
		if unix.MountSetattr(-1, "", 0, nil) != unix.ENOSYS || !oneLine(errs, "5.12") {
			t.Fatal(errs)
		}
		t.Skip("this kernel has no mount_setattr")
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	for _, name := range []string{"iters/x.bpf.o", "proc/sys/vm/swappiness", "proc/self/oom_score_adj", "proc/sysrq-trigger"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE, 0o644)
		if !errors.Is(err, unix.EROFS) {
			t.Errorf("%s: opened for writing: %v", name, err)
			f.Close()
		}
	}
	// The filesystem is read-only, not the mount alone: no read costs a message for its
	// time of access. That of proc always is.
	for _, path := range []string{dir, filepath.Join(dir, "proc")} {
		mounts, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(path))
		if err != nil || len(mounts) != 1 {
			t.Fatalf("%s: %v, %v", path, mounts, err)
		}
		if flag, _, _ := strings.Cut(mounts[0].VFSOptions, ","); flag != "ro" {
			t.Errorf("the filesystem on %s is %s", path, mounts[0].VFSOptions)
		}
	}
}

func tryOpen(name string) error {
	f, err := os.Open(name)
	if err == nil {
		f.Close()
	}
	return err
}
