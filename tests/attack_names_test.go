// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/objects"
)

// hostileNames are single names that lead elsewhere, or say something, where they
// are taken for more than names.
var hostileNames = []string{
	"...", "..o", "..%2f..%2fetc", "%s%n%x", "$(reboot).o", "`id`", "-rf", "~root", "a b\tc", "x\\..\\y", "*", "?", "[a-z]", "<object>", "<pid>", "name...",
	"\xff\xfe", "\u202efpb.o", "\u2215etc\u2215passwd", "\x01", "\x7f", "x\n==> forged: EPERM <==", "NaN", "-1", "0x1", "18446744073709551616", "4294967297", "+1",
	" 1", "1 ", "01", "1e3", strings.Repeat("9", 255), strings.Repeat("x", 255), strings.Repeat(".", 200), strings.Repeat("a.", 127),
	strings.Repeat("a,", 127), strings.Repeat("(", 255), "a[99999999999]", "a[-1]", "=", "a=b=c", "tgid,,tgid", ",", ":hex", "a:b:c",
}

// No name in any directory is found that is not there, nor harms the daemon.
func TestAttackByNames(t *testing.T) {
	m := newMount(t)
	m.mustPut(t, "variables")
	for _, dir := range []string{
		"", "tasks", "tasks/self", "tasks/self/iters", "maps", "cgroups", "iters", "iters/variables", "iters/variables/vars", "iters/pinned",
		"select", "select/task", "select/task/count", "select/task/where", "select/task/where/tgid=1", "select/task/sum",
	} {
		if _, err := os.Stat(m.path(dir)); err != nil && dir != "cgroups" && dir != "tasks/self/iters" {
			t.Errorf("%s: %v", dir, err)
		}
		for _, name := range hostileNames {
			if _, err := os.Lstat(m.path(dir) + "/" + name); err == nil {
				t.Errorf("%q is found in %s", name, dir)
			} else if errors.Is(err, unix.EIO) {
				t.Errorf("%q in %s: %v", name, dir, err)
			}
		}
	}
	m.read(t, "tasks/self/stat")
}

// A name to be created is taken as it is, or refused, and makes nothing else.
func TestAttackByNamesToCreate(t *testing.T) {
	m := newMount(t)
	object := objects.Read(t, "bpf_map")
	for _, name := range hostileNames {
		for _, suffix := range []string{"", ".o", ".bpf.o"} {
			file := name + suffix
			err := os.WriteFile(m.path("iters")+"/"+file, object, 0o600)
			names := list(t, m.path("iters"))
			if err == nil {
				stem := strings.TrimSuffix(strings.TrimSuffix(file, ".o"), ".bpf")
				want := []string{"errors", "pinned", file, stem}
				slices.Sort(want)
				if !slices.Equal(names, want) {
					t.Errorf("%q makes %q", file, names)
				}
				if err := os.Remove(m.path("iters") + "/" + file); err != nil {
					t.Errorf("%q is made and cannot be removed: %v", file, err)
				}
				continue
			}
			if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENAMETOOLONG) {
				t.Errorf("%q: %v", file, err)
			}
			if !slices.Equal(names, []string{"errors", "pinned"}) {
				t.Errorf("%q is refused and makes %q", file, names)
			}
		}
	}
	for line := range strings.Lines(m.read(t, "iters/errors")) {
		if strings.HasPrefix(line, "==> forged") {
			t.Errorf("iters/errors has a line that a name made: %q", line)
		}
	}
}

// Links lead nowhere: none can be made in the tree, a directory of objects is read
// through none that could hang, and pinned objects are not looked for behind them.
func TestAttackByLinks(t *testing.T) {
	m := newMount(t)
	for _, target := range []string{"/etc/passwd", "../status", "errors"} {
		if err := os.Symlink(target, m.path("iters/x.o")); !errors.Is(err, unix.EPERM) {
			t.Errorf("a link to %s: %v", target, err)
		}
	}
	pins := newPinner(t).dir
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"file": secret, "dir": filepath.Dir(secret), "loop": "loop", "up": ".."} {
		if err := os.Symlink(target, filepath.Join(pins, name)); err != nil {
			t.Fatal(err)
		}
	}
	seen := m.path("iters/pinned" + pins)
	if names := list(t, seen); len(names) > 0 {
		t.Errorf("links to elsewhere are shown: %q", names)
	}
	for _, name := range []string{"file", "dir", "dir/secret", "loop", "up", "up/" + filepath.Base(pins)} {
		if _, err := os.ReadFile(seen + "/" + name); !errors.Is(err, unix.ENOENT) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A directory of objects may hold what is none: it is told of, and waited for never.
func TestAttackByObjectsAtMount(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "fifo.o"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"loop.o": "loop.o", "zero.o": "/dev/zero", "dangling.o": "missing", "dir.o": "/"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "good.bpf.o"), objects.Read(t, "task"), 0o600); err != nil {
		t.Fatal(err)
	}
	mnt := t.TempDir()
	if out, errs, status := iterfs(t, "mount", "--daemon", "-o", "iters="+dir, mnt); status != 0 {
		t.Fatalf("status %d, %q, %q", status, out, errs)
	}
	defer iterfs(t, "umount", mnt)
	if names := list(t, mnt+"/iters"); !slices.Equal(names, []string{"errors", "good", "good.bpf.o", "pinned"}) {
		t.Errorf("iters has %q", names)
	}
	failures := readFile(t, mnt+"/iters/errors")
	for _, name := range []string{"fifo.o", "loop.o", "zero.o", "dangling.o", "dir.o"} {
		if !strings.Contains(failures, "==> "+name+": ") {
			t.Errorf("iters/errors does not tell of %s:\n%s", name, failures)
		}
	}
}
