// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// ErrOther is the error where another filesystem is mounted.
var ErrOther = errors.New("not iterfs")

// Unmount unmounts the iterfs on a directory, whichever daemon serves it, with all
// that it carries. One in use is EBUSY and stays as it is, unless lazy: then open
// files can be read on, and their last close ends the mount.
func Unmount(dir string, lazy bool) error {
	if dead(dir) {
		return unix.Unmount(dir, unix.MNT_DETACH)
	}
	dir, err := resolve(dir)
	if err != nil {
		return err
	}
	switch top, err := mountedOn(dir); {
	case err != nil:
		return err
	case top == nil:
		return fmt.Errorf("nothing is mounted on %s", dir)
	case top.FSType != fsType:
		return fmt.Errorf("what is mounted on %s is %s, %w: use umount", dir, top.FSType, ErrOther)
	}
	if lazy {
		return unmount(dir, unix.MNT_DETACH)
	}
	return unmountAll(dir)
}

// UnmountOwn is Unmount in the daemon itself, whose devices they are. dir is
// absolute and free of links.
func UnmountOwn(dir string, devices []int, lazy bool) error {
	if lazy {
		return unmount(dir, unix.MNT_DETACH) // which asks nothing of what is mounted there
	}
	return apart(devices, func() error { return unmountAll(dir) })
}

func unmount(dir string, flags int) error {
	switch err := unix.Unmount(dir, unix.UMOUNT_NOFOLLOW|flags); {
	case err == unix.EBUSY:
		return fmt.Errorf("%s is in use: close its files and leave its directories, or unmount it with --lazy: %w", dir, err)
	case err == unix.EPERM:
		return fmt.Errorf("unmount %s: %w: try again as root", dir, err)
	case err != nil:
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// unmountAll unmounts what is mounted on a directory with what that carries, from
// the last to the first, which is how the kernel finds out whether any of it is in
// use. When one is, those before it are put back.
func unmountAll(dir string) (err error) {
	carried, err := carriedBy(dir)
	if err != nil {
		return err
	}
	var gone []detached
	defer func() {
		for _, m := range slices.Backward(gone) {
			if err != nil {
				m.attach()
			}
			unix.Close(m.fd)
		}
	}()
	for _, m := range slices.Backward(carried) {
		fd, err := unix.OpenTree(unix.AT_FDCWD, m.Mountpoint, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
		if err != nil {
			return fmt.Errorf("open the mount on %s: %w", m.Mountpoint, err)
		}
		if err := unmount(m.Mountpoint, 0); err != nil {
			unix.Close(fd)
			return err
		}
		gone = append(gone, detached{fd, m.Mountpoint})
	}
	return unmount(dir, 0)
}

// A detached mount is a copy that can take the place of one that was unmounted.
type detached struct {
	fd   int
	path string
}

func (m detached) attach() error {
	return unix.MoveMount(m.fd, "", unix.AT_FDCWD, m.path, unix.MOVE_MOUNT_F_EMPTY_PATH)
}
