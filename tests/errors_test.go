// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// What a user runs into is one line that names cause and remedy, and status 1;
// bad usage is status 2.
func TestErrors(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	mounted := filepath.Join(dir, "mounted")
	if err := os.Mkdir(mounted, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", mounted, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(mounted, 0) })
	for _, test := range []struct {
		args   []string
		status int
		words  []string
	}{
		{[]string{"mount", dir + "/missing"}, 1, []string{"does not exist", "mkdir"}},
		{[]string{"mount", "--daemon", dir + "/missing"}, 1, []string{"does not exist", "mkdir"}},
		{[]string{"mount", file}, 1, []string{"not a directory"}},
		{[]string{"mount", mounted}, 1, []string{"mount point already", "tmpfs", "umount"}},
		{[]string{"umount", mounted}, 1, []string{"tmpfs, not iterfs"}},
		{[]string{"umount", dir}, 1, []string{"nothing is mounted"}},
		{[]string{"cat", "no/such/file"}, 1, []string{"no/such/file", "no such file"}},
		{[]string{"cat", "tasks"}, 1, []string{"is a directory"}},
		{[]string{"ls", "tasks/0"}, 1, []string{"no such file"}},
	} {
		out, errs, status := iterfs(t, test.args...)
		if status != test.status || out != "" || !oneLine(errs, test.words...) {
			t.Errorf("%q: status %d, %q, %q, want status %d and %q", test.args, status, out, errs, test.status, test.words)
		}
	}
	for _, args := range [][]string{{"mount"}, {"mount", "a", "b"}, {"nonsense"}, {"mount", "--nonsense", dir}, {"cat"}, {"doctor", "x"}} {
		if out, errs, status := iterfs(t, args...); status != 2 || out != "" || !strings.Contains(errs, "--help") {
			t.Errorf("%q: status %d, %q, %q, want usage and status 2", args, status, out, errs)
		}
	}
}

// inside runs iterfs where something is missing: a shell in a mount namespace of
// its own hides it first.
func inside(t testing.TB, hide string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.Command("/bin/sh", append([]string{"-c", hide + ` && exec "$0" "$@"`, binary}, args...)...)
	cmd.SysProcAttr = &unix.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	return output(t, cmd)
}

func TestMissingPrerequisites(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	noFuse := "mount -t tmpfs none /dev"
	if _, errs, status := inside(t, noFuse, "mount", dir); status != 1 || !oneLine(errs, "/dev/fuse", "modprobe") {
		t.Errorf("without /dev/fuse: status %d, %q", status, errs)
	}
	if out, errs, status := inside(t, noFuse, "cat", "tasks/self/comm"); status != 0 || out != "iterfs\n" {
		t.Errorf("cat without /dev/fuse: status %d, %q, %q", status, out, errs)
	}
	noBTF := "mount -t tmpfs none /sys/kernel/btf"
	for _, args := range [][]string{{"mount", dir}, {"mount", "--daemon", dir}, {"cat", "tasks/stat"}} {
		if _, errs, status := inside(t, noBTF, args...); status != 1 || !oneLine(errs, "BTF", "CONFIG_DEBUG_INFO_BTF") {
			t.Errorf("%q without BTF: status %d, %q", args, status, errs)
		}
	}
	if out, _, status := inside(t, noBTF, "doctor"); status != 1 || !strings.Contains(out, "FAIL    BTF") {
		t.Errorf("doctor without BTF: status %d, %q", status, out)
	}
}

func TestNotRoot(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	for _, args := range [][]string{{"mount", dir}, {"mount", "--daemon", dir}, {"cat", "tasks/stat"}, {"ls"}} {
		cmd := exec.Command(binary, args...)
		cmd.SysProcAttr = &unix.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, errs, status := output(t, cmd); status != 1 || out != "" || !oneLine(errs, "root", "sudo") {
			t.Errorf("%q as nobody: status %d, %q, %q", args, status, out, errs)
		}
	}
}

// Root of a user namespace may mount, and load no program.
func TestRootOfUserNamespace(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	own := []syscall.SysProcIDMap{{Size: 1}}
	run := func(args ...string) (out, errs string, status int) {
		cmd := exec.Command(binary, args...)
		cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: own, GidMappings: own}
		return output(t, cmd)
	}
	for _, args := range [][]string{{"mount", dir}, {"mount", "--daemon", dir}, {"cat", "tasks/stat"}, {"ls"}} {
		if out, errs, status := run(args...); status != 1 || out != "" || !oneLine(errs, "user namespace", "outside") {
			t.Errorf("%q as root of a user namespace: status %d, %q, %q", args, status, out, errs)
		}
	}
	if out, _, status := run("doctor"); status != 1 || !strings.Contains(out, "FAIL    capabilities") {
		t.Errorf("doctor as root of a user namespace: status %d, %q", status, out)
	}
}

func TestDoctor(t *testing.T) {
	need.Root(t)
	out, errs, status := iterfs(t, "doctor")
	if status != 0 || errs != "" {
		t.Errorf("status %d, %q", status, errs)
	}
	for _, line := range []string{"ok      BTF\n", "ok      /dev/fuse\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("no %q in\n%s", line, out)
		}
	}
	types, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	verdicts := regexp.MustCompile(`(?m)^(\w+) +target (\w+)(.*)`).FindAllStringSubmatch(out, -1)
	for _, v := range verdicts {
		want := "ok"
		if _, err := types.AnyTypeByName("bpf_iter__" + v[2]); err != nil {
			want = "absent"
		} else if need.Refused(v[2]) {
			want = "absent"
		}
		if v[1] != want {
			t.Errorf("the kernel's BTF makes target %s %s, doctor says %q", v[2], want, v[0])
		}
		// A kernel of the matrix has what its release has.
		_, since, came := strings.Cut(v[3], "came with Linux ")
		var major, minor int
		fmt.Sscanf(since, "%d.%d", &major, &minor)
		if os.Getenv("ITERFS_VM") != "" && came && !need.OlderThan(major, minor) {
			t.Errorf("this kernel should have the target %s: %s", v[2], v[0])
		}
	}
	if os.Getenv("ITERFS_VM") != "" {
		return // there are no sources
	}
	sources, err := filepath.Glob("../bpf/*/*.bpf.c")
	dirs := map[string]bool{}
	for _, source := range sources {
		dirs[filepath.Dir(source)] = true
	}
	if err != nil || len(dirs) != len(verdicts) {
		t.Errorf("programs of %d targets in bpf/, %d targets: %v", len(dirs), len(verdicts), err)
	}
}

func TestCatWithoutMount(t *testing.T) {
	need.Root(t)
	for _, args := range [][]string{{"cat", "tasks/table", "maps/table"}, {"cat", "README"}, {"ls", "/", "tasks"}, {"ls"}, {"version"}, {"--help"}} {
		if out, errs, status := iterfs(t, args...); status != 0 || out == "" || errs != "" {
			t.Errorf("%q: status %d, %q, %q", args, status, out, errs)
		}
	}
	// One path that fails does not keep the others from being shown.
	out, errs, status := iterfs(t, "cat", "no/such/file", "tasks/self/comm")
	if status != 1 || out != "iterfs\n" || !oneLine(errs, "no/such/file") {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
}
