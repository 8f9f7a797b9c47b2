// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/native"
)

// fsType is what the kernel calls the mount: "fuse." and the subtype.
const fsType = "fuse.iterfs"

// maxRead is the largest READ: what a reader asks for beyond is split.
const maxRead = 1 << 20

// A Mount is a tree that the kernel serves under a directory.
type Mount struct {
	// Dir is absolute and free of links.
	Dir    string
	server *fuse.Server
	served chan struct{}
}

// MountTree mounts the tree on a directory and returns when it can be used. Its
// errors name a cause and a remedy: no /dev/fuse, no such directory, something
// mounted there. What a killed daemon left mounted is taken over.
func MountTree(t *Tree, dir string, stats *Stats, log *slog.Logger) (*Mount, error) {
	if err := CheckDevice(); err != nil {
		return nil, err
	}
	dir, release, err := claim(dir, log)
	if err != nil {
		return nil, err
	}
	defer release()
	server, err := fuse.NewServer(newServer(t, stats, log), dir, &fuse.MountOptions{
		FsName:             "iterfs",
		Name:               "iterfs",
		Options:            []string{"default_permissions"},
		DirectMountStrict:  true,
		DirectMountFlags:   unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME,
		MaxWrite:           maxRead,
		DisableXAttrs:      true,
		DisableReadDirPlus: true,                    // it costs more than it saves
		DisableSplice:      true,                    // likewise
		ExtraCapabilities:  fuse.CAP_ATOMIC_O_TRUNC, // else a truncation does not tell whose it is
		Logger:             slog.NewLogLogger(log.Handler(), slog.LevelError),
	})
	if err != nil {
		return nil, fmt.Errorf("mount on %s: %w", dir, err)
	}
	// The kernel's INIT has been answered: the tree can be used as soon as it is
	// served. The daemon itself never touches it, not even to wait for it as
	// go-fuse's WaitMount does: killed in such a request it could not end.
	m := &Mount{Dir: dir, server: server, served: make(chan struct{})}
	go func() {
		server.Serve()
		close(m.served)
	}()
	return m, nil
}

// Done is closed when the tree has been unmounted and its last file closed.
func (m *Mount) Done() <-chan struct{} { return m.served }

// Unmount takes the tree away from its directory. A tree in use is EBUSY, unless
// lazy: then open files can be read on, until their last close ends the mount.
func (m *Mount) Unmount(lazy bool) error { return unmount(m.Dir, lazy) }

// Unmount unmounts the iterfs on a directory, whichever daemon serves it.
func Unmount(dir string, lazy bool) error {
	if dead(dir) {
		return unix.Unmount(dir, unix.MNT_DETACH)
	}
	dir, err := resolve(dir)
	if err != nil {
		return err
	}
	switch kind, err := mountedOn(dir); {
	case err != nil:
		return err
	case kind == "":
		return fmt.Errorf("nothing is mounted on %s", dir)
	case kind != fsType:
		return fmt.Errorf("what is mounted on %s is %s, not iterfs: use umount", dir, kind)
	}
	return unmount(dir, lazy)
}

func unmount(dir string, lazy bool) error {
	flags := unix.UMOUNT_NOFOLLOW
	if lazy {
		flags |= unix.MNT_DETACH
	}
	switch err := unix.Unmount(dir, flags); {
	case err == unix.EBUSY:
		return fmt.Errorf("%s is in use: close its files and leave its directories, or unmount it with --lazy: %w", dir, err)
	case err == unix.EPERM:
		return fmt.Errorf("unmount %s: %w: try again as root", dir, err)
	case err != nil:
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

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

// claim checks that a directory can be mounted on, clears a dead mount away, and
// keeps other daemons from doing the same until it is released.
func claim(dir string, log *slog.Logger) (path string, release func(), err error) {
	if dead(dir) {
		log.Warn("taking over what a killed daemon left mounted", "dir", dir)
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			return "", nil, fmt.Errorf("unmount what a killed daemon left on %s: %w", dir, err)
		}
	}
	if path, err = resolve(dir); err != nil {
		return "", nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return "", nil, fmt.Errorf("another iterfs is being mounted on %s", path)
	}
	switch kind, err := mountedOn(path); {
	case err != nil:
		return "", nil, err
	case kind == fsType:
		return "", nil, fmt.Errorf("iterfs is already mounted on %s: use it, or iterfs umount %[1]s first", path)
	case kind != "":
		return "", nil, fmt.Errorf("%s is a mount point already (%s): choose another directory, or umount it first", path, kind)
	}
	return path, func() { f.Close() }, nil
}

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

// mountedOn returns the type of the filesystem that is mounted on top of a
// directory, and "" for none.
func mountedOn(path string) (string, error) {
	mounts, err := native.Mounts(func(m *mountinfo.Info) (skip, stop bool) { return m.Mountpoint != path, false })
	if err != nil {
		return "", err
	}
	if len(mounts) == 0 {
		return "", nil
	}
	return mounts[len(mounts)-1].FSType, nil
}
