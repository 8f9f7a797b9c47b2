// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// CheckDevice tells, with the remedy, why FUSE cannot be used; nil when it can.
func CheckDevice() error {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return errors.New("the kernel has no FUSE (/dev/fuse): load it with modprobe fuse, or read without a mount by iterfs cat")
	case err != nil:
		return fmt.Errorf("open /dev/fuse: %w", err)
	}
	return f.Close()
}

// A Claim is a directory that is being mounted on.
type Claim struct {
	// Dir is absolute and free of links.
	Dir  string
	file *os.File
}

// NewClaim checks that a directory can be mounted on, clears a dead mount away, and
// keeps other daemons from doing the same until it is released. Errors name a cause
// and a remedy: no such directory, something mounted there, unless it is of the
// type over, which may be "".
func NewClaim(dir, over string, log *slog.Logger) (c *Claim, err error) {
	if dead(dir) {
		log.Warn("taking over what a killed daemon left mounted", "dir", dir)
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			return nil, fmt.Errorf("unmount what a killed daemon left on %s: %w", dir, err)
		}
	}
	path, err := resolve(dir)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil, fmt.Errorf("another iterfs is being mounted on %s", path)
	}
	switch top, err := mountedOn(path); {
	case err != nil:
		return nil, err
	case top == nil || top.FSType == over:
	case top.FSType == fsType:
		return nil, fmt.Errorf("iterfs is already mounted on %s: use it, or iterfs umount %[1]s first", path)
	default:
		return nil, fmt.Errorf("%s is a mount point already (%s): choose another directory, or umount it first", path, top.FSType)
	}
	return &Claim{path, f}, nil
}

// Release lets others have the directory.
func (c *Claim) Release() { c.file.Close() }

// dead reports whether a directory is a FUSE mount whose daemon is gone. Only a
// request that the kernel does not answer from its caches tells.
func dead(dir string) bool {
	return unix.Statfs(dir, new(unix.Statfs_t)) == unix.ENOTCONN
}

// resolve makes a path absolute and free of links, and checks that it is a directory.
func resolve(dir string) (string, error) {
	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%s does not exist: make it with mkdir -p %[1]s", dir)
	}
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s is not a directory", dir)
	}
	return path, nil
}
