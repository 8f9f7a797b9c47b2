// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"errors"
	"fmt"
	"slices"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/native"
)

// An Assembly is a mount with others in it, which are seen together or not at all.
type Assembly struct {
	// ReadOnly is for all that is mounted in it.
	ReadOnly bool

	root    int // a mount that is attached nowhere, like those that are put in it
	devices []int
	mounts  []graft
	binds   []graft
}

// NewAssembly begins with the mount of a connection. Those whose filesystems are
// put in it, or asked by it, must be served.
func NewAssembly(c *Connection) *Assembly {
	return &Assembly{root: c.Mount, devices: []int{c.Device}}
}

// Add puts the mount of a connection on a directory of a mount that is in.
func (a *Assembly) Add(c *Connection, to int, at string) {
	a.devices = append(a.devices, c.Device)
	a.Put(c.Mount, to, at)
}

// Put puts a mount on a directory of a mount that is in.
func (a *Assembly) Put(mount, to int, at string) {
	a.mounts = append(a.mounts, graft{mount, "", to, at})
}

// Bind puts a file or directory of a mount that is in, with what is mounted below
// it, on that of the same name in another.
func (a *Assembly) Bind(from, to int, name string) {
	a.binds = append(a.binds, graft{from, name, to, name})
}

// Devices are those of the filesystems in it.
func (a *Assembly) Devices() []int { return a.devices }

// Attach mounts an assembly on the directory. It is built in a mount namespace that
// nobody else sees, so it appears complete, and whatever ends this before leaves
// nothing behind. That takes paths through the filesystems in it, hence apart.
func (c *Claim) Attach(a *Assembly) error {
	err := apart(a.devices, func() error {
		tree, err := a.build()
		if err != nil {
			return err
		}
		defer unix.Close(tree)
		return moveMount(tree, int(c.file.Fd()), "")
	})
	if err != nil {
		return fmt.Errorf("mount on %s: %w", c.Dir, err)
	}
	return nil
}

// build returns the assembly as one tree of mounts, attached nowhere.
func (a *Assembly) build() (tree int, err error) {
	home, err := native.Openat("thread-self/ns/mnt", unix.O_RDONLY)
	if err != nil {
		return -1, fmt.Errorf("open the mount namespace: %w", err)
	}
	defer unix.Close(home)
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return -1, fmt.Errorf("unshare the mount namespace: %w", err)
	}
	defer func() {
		if back := unix.Setns(home, unix.CLONE_NEWNS); back != nil {
			err = errors.Join(err, fmt.Errorf("return to the mount namespace: %w", back))
		}
	}()
	// Nothing that happens here is to be seen elsewhere, nor the reverse.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return -1, fmt.Errorf("make / private, in a namespace of its own: %w", err)
	}
	root, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	if err := moveMount(a.root, root, ""); err != nil {
		return -1, err
	}
	if err := a.fill(); err != nil {
		return -1, err
	}
	return openTree(a.root, "")
}

// fill fills the tree, which is at / now. mount(2) and umount(2) take paths: no other
// thread is in the directory that this one goes to.
func (a *Assembly) fill() error {
	if err := unix.Fchdir(a.root); err != nil {
		return err
	}
	if err := apply(a.mounts); err != nil {
		return err
	}
	// A copy of /proc and what is mounted there would be told of mounts on /proc: of
	// this one, too.
	if err := unix.Mount("", ".", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the tree private: %w", err)
	}
	if err := dropAutomounts(); err != nil {
		return err
	}
	if err := apply(a.binds); err != nil {
		return err
	}
	if !a.ReadOnly {
		return nil
	}
	attributes := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(a.root, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, attributes); err != nil {
		return fmt.Errorf("make all read-only, which Linux 5.12 can: %w", err)
	}
	return nil
}

// dropAutomounts unmounts from the tree what mounts something when it is looked at:
// it would do so on /proc, and not here.
func dropAutomounts() error {
	top, err := mountedOn("/")
	if err != nil {
		return err
	}
	below, err := mountsBelow(top)
	if err != nil {
		return err
	}
	for _, m := range below {
		isDone := slices.ContainsFunc(below, func(on *mountinfo.Info) bool { return on.Parent == m.ID })
		if m.FSType != "autofs" || isDone {
			continue
		}
		if err := unix.Unmount("."+m.Mountpoint, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount the copy of %s: %w", m.Mountpoint, err)
		}
	}
	return nil
}
