// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// packaged makes a Debian package and returns its path.
func packaged(t *testing.T) string {
	t.Helper()
	need.Tool(t, "go", "golang-go")
	need.Tool(t, "dpkg-deb", "dpkg")
	out, errs, status := output(t, exec.Command("../packaging/deb", t.TempDir()))
	if status != 0 || errs != "" {
		t.Fatalf("status %d, %s%s", status, out, errs)
	}
	return strings.TrimSpace(out)
}

func dpkg(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, status := output(t, exec.Command("dpkg-deb", args...))
	if status != 0 {
		t.Fatalf("dpkg-deb %q: %s", args, errs)
	}
	return out
}

// The package has all that belongs to iterfs where it belongs, and is the same
// when it is made again.
func TestPackage(t *testing.T) {
	need.Root(t)
	file := packaged(t)
	if again := packaged(t); readFile(t, again) != readFile(t, file) {
		t.Error("made again the package is another")
	}
	var files []string
	for line := range strings.Lines(dpkg(t, "--contents", file)) {
		f := strings.Fields(line)
		if f[1] != "root/root" || f[0][8] == 'w' && f[0][0] != 'l' {
			t.Errorf("others may write: %q", line)
		}
		if f[0][0] != 'd' {
			files = append(files, f[0]+" "+strings.Join(f[5:], " "))
		}
	}
	const want = `-rw-r--r-- ./etc/default/iterfs
-rwxr-xr-x ./usr/bin/iterfs
-rw-r--r-- ./usr/lib/systemd/system/iterfs.service
-rw-r--r-- ./usr/share/bash-completion/completions/iterfs
-rw-r--r-- ./usr/share/doc/iterfs/README.md
-rw-r--r-- ./usr/share/doc/iterfs/copyright
-rw-r--r-- ./usr/share/doc/iterfs/iters.md
-rw-r--r-- ./usr/share/doc/iterfs/kernels.md
-rw-r--r-- ./usr/share/doc/iterfs/select.md
-rw-r--r-- ./usr/share/doc/iterfs/tables.md
-rw-r--r-- ./usr/share/fish/vendor_completions.d/iterfs.fish
-rw-r--r-- ./usr/share/man/man8/iterfs.8.gz
-rw-r--r-- ./usr/share/zsh/vendor-completions/_iterfs
lrwxrwxrwx ./usr/sbin/mount.fuse.iterfs -> ../bin/iterfs
lrwxrwxrwx ./usr/sbin/umount.fuse.iterfs -> ../bin/iterfs`
	if got := strings.Join(files, "\n"); got != want {
		t.Errorf("it contains\n%s\nwant\n%s", got, want)
	}
	root := t.TempDir()
	dpkg(t, "--raw-extract", file, root)
	if got := readFile(t, root+"/DEBIAN/conffiles"); got != "/etc/default/iterfs\n" {
		t.Errorf("files that the administrator changes: %q", got)
	}
	installed(t, root, strings.TrimSpace(dpkg(t, "--field", file, "Version")))
}

// installed tries what a package has brought below a directory.
func installed(t *testing.T, root, version string) {
	t.Helper()
	program, err := elf.Open(root + "/usr/bin/iterfs")
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if libraries, err := program.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("it needs libraries: %q, %v", libraries, err)
	}
	if out, errs, status := output(t, exec.Command(root+"/usr/bin/iterfs", "version")); status != 0 || !strings.HasPrefix(out, "iterfs "+version+" ") {
		t.Errorf("version %s: status %d, %q, %q", version, status, out, errs)
	}
	z, err := gzip.NewReader(strings.NewReader(readFile(t, root+"/usr/share/man/man8/iterfs.8.gz")))
	if err != nil {
		t.Fatal(err)
	}
	if page, err := io.ReadAll(z); err != nil || !bytes.Contains(page, []byte(".TH")) {
		t.Errorf("the manual page: %v, %.100q", err, page)
	}
	for _, script := range []string{"DEBIAN/postinst", "DEBIAN/prerm"} {
		if out, err := exec.Command("/bin/sh", "-n", filepath.Join(root, script)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v, %s", script, err, out)
		}
	}
	dir := t.TempDir()
	if out, err := exec.Command(root+"/usr/sbin/mount.fuse.iterfs", "iterfs", dir, "-o", "ro").CombinedOutput(); err != nil {
		t.Fatalf("the helper of mount: %v, %s", err, out)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	if _, err := os.Stat(dir + "/README"); err != nil {
		t.Error(err)
	}
	if out, err := exec.Command(root+"/usr/sbin/umount.fuse.iterfs", dir).CombinedOutput(); err != nil || isMounted(t, dir) {
		t.Errorf("the helper of umount: %v, %s", err, out)
	}
}

// A shell completes what there is.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if out, errs, status := iterfs(t, "completion", shell); status != 0 || errs != "" || !strings.Contains(out, "iterfs") {
			t.Errorf("%s: status %d, %d bytes, %q", shell, status, len(out), errs)
		}
	}
	out, _, status := iterfs(t, "__complete", "mo")
	if status != 0 || !strings.HasPrefix(out, "mount\tMount the tree on a directory\n") {
		t.Errorf("mo is completed to %q", out)
	}
	if out, _, _ := iterfs(t, "__complete", "mount", "--d"); !strings.HasPrefix(out, "--daemon") {
		t.Errorf("--d is completed to %q", out)
	}
}
