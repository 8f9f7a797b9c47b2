// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/native"
)

// A graft is a mount, or what has a name in one, that is to be at a name in another.
type graft struct {
	from int
	name string // "" for the mount itself
	to   int
	at   string
}

func apply(grafts []graft) error {
	for _, g := range grafts {
		if err := g.apply(); err != nil {
			return fmt.Errorf("%s: %w", g.at, err)
		}
	}
	return nil
}

func (g graft) apply() error {
	if g.name == "" {
		return moveMount(g.from, g.to, g.at)
	}
	mount, err := openTree(g.from, g.name)
	if err != nil {
		return err
	}
	defer unix.Close(mount)
	return moveMount(mount, g.to, g.at)
}

// openTree copies the mounts from a place on; the copy is attached nowhere.
func openTree(dir int, name string) (int, error) {
	return unix.OpenTree(dir, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE|unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
}

func moveMount(mount, dir int, name string) error {
	flags := unix.MOVE_MOUNT_F_EMPTY_PATH
	if name == "" {
		flags |= unix.MOVE_MOUNT_T_EMPTY_PATH
	}
	return unix.MoveMount(mount, "", dir, name, flags)
}

// NativeProcfs copies the daemon's /proc with what is mounted in it, or makes a new
// one where that is not the whole of a procfs. It is attached nowhere.
func NativeProcfs() (int, error) {
	root, err := native.Root()
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(root, &st); err != nil {
		return -1, err
	}
	const procRootIno = 1 // of linux/proc_fs.h
	if st.Ino == procRootIno {
		if mount, err := openTree(root, ""); err == nil {
			return mount, nil
		}
	}
	return native.Mount(nil)
}
