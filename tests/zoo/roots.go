// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// How readers come to root directories of their own, each with /proc and the tree of
// the test at /tree: chroot into a filesystem that nobody else sees.
func chroot() {
	dir := newRoot()
	mustBe(unix.Chroot(dir))
	mustBe(unix.Chdir("/"))
}

// contain makes such a filesystem all that there is, as containers do.
func contain() {
	mustBe(unix.Chdir(newRoot()))
	mustBe(unix.PivotRoot(".", "."))
	mustBe(unix.Unmount(".", unix.MNT_DETACH))
	mustBe(unix.Chdir("/"))
}

func newRoot() (dir string) {
	mustBe(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	dir, err := os.MkdirTemp("", "root")
	mustBe(err)
	defer os.Remove(dir)
	mustBe(unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"))
	mustBe(furnish(dir, os.Getenv(treeEnv)))
	return dir
}

// furnish mounts what a root directory needs.
func furnish(dir, tree string) error {
	for to, from := range map[string]string{"proc": "/proc", "tree": tree} {
		to = filepath.Join(dir, to)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return err
		}
	}
	return nil
}

// folderOf is a directory above the tree, and above the folders of the test's animals.
func folderOf(tree string) string { return filepath.Dir(tree) }

// enterFolder is chroot into a directory that has files of others, who are not below it.
func enterFolder() {
	mustBe(unix.Chroot(folderOf(os.Getenv(treeEnv))))
	mustBe(unix.Chdir("/"))
}

func furnishFolder(t testing.TB, tree string) {
	dir := folderOf(tree)
	t.Cleanup(func() {
		for _, name := range []string{"proc", "tree"} {
			unix.Unmount(filepath.Join(dir, name), unix.MNT_DETACH)
		}
	})
	if err := furnish(dir, tree); err != nil {
		t.Fatal(err)
	}
}
