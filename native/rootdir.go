// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
)

// A RootDir is the root directory of a task, chroot(2), to whom paths show in another
// way than to this process: d_path() of the kernel begins them at the root directory of
// the thread that asks. A nil RootDir is that of a task to whom they show alike.
type RootDir struct{ dir *os.File }

// RootDirOf returns the one of a thread, as this process's pid namespace numbers it.
// Whoever asks closes it, which can be done to nil too.
func RootDirOf(tid uint32) (*RootDir, error) {
	link := fmt.Sprintf("%d/root", tid)
	alike, err := showsAsRoot(link)
	if err != nil {
		return nil, fmt.Errorf("find the root directory of %d: %w", tid, err)
	}
	if alike {
		if alike, err = atTop(); alike || err != nil {
			return nil, err
		}
	}
	dir, err := open(link, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return &RootDir{dir}, nil
}

// showsAsRoot reports whether a link of procfs leads to "/" as this thread sees it: to
// its own root directory, or to where the mounts of another namespace begin, or to what
// is mounted over either. No name stands above it then.
func showsAsRoot(link string) (bool, error) {
	if rootErr != nil {
		return false, rootErr
	}
	var text [2]byte
	n, err := unix.Readlinkat(root, link, text[:])
	return err == nil && string(text[:n]) == "/", err
}

// atTop reports whether no name stands above the root directory of this process. Then
// whoever's shows as "/" has the same paths: what is above is of no account. That cannot be
// seen from below, but from the root of procfs, which is above nothing. Without
// CAP_SYS_CHROOT it cannot be found out, and is taken for so.
var atTop = sync.OnceValues(func() (is bool, err error) {
	elsewhere, err := Dir()
	if err != nil {
		return false, err
	}
	defer elsewhere.Close()
	err = (&RootDir{elsewhere}).During(func() (err error) {
		is, err = showsAsRoot("self/root")
		return err
	})
	if errors.Is(err, unix.EPERM) {
		return true, nil
	}
	return is, err
})

// During calls f where paths show as they do to the task: on a thread of its own with
// that root directory. What f opens by an absolute path is the task's, not to be trusted.
// Of a nil RootDir it calls f on the spot.
func (r *RootDir) During(f func() error) error {
	if r == nil {
		return f()
	}
	return thread.Do(func() error {
		if err := r.Enter(); err != nil {
			return err
		}
		return f()
	})
}

// Enter makes it the root directory of the calling thread, for good: see
// package thread.
func (r *RootDir) Enter() error {
	if r == nil {
		return nil
	}
	err := unix.Unshare(unix.CLONE_FS)
	if err == nil {
		err = unix.Fchdir(int(r.dir.Fd()))
	}
	if err == nil {
		err = unix.Chroot(".")
	}
	if err != nil {
		return fmt.Errorf("enter the reader's root directory: %w", err)
	}
	return nil
}

// Device is the number of the filesystem that it is on.
func (r *RootDir) Device() (uint64, error) { return DeviceOf(int(r.dir.Fd())) }

// DeviceOf is the number of the filesystem that an open file is on, which is not asked
// for anything.
func DeviceOf(fd int) (uint64, error) {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, 0, &st)
	return unix.Mkdev(st.Dev_major, st.Dev_minor), err
}

// Close lets go of the directory.
func (r *RootDir) Close() error {
	if r == nil {
		return nil
	}
	return r.dir.Close()
}
