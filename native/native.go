// SPDX-License-Identifier: Apache-2.0

// Package native is the way to the kernel's own procfs. It is opened once, when
// the program starts, and never again by name: iterfs can be mounted over /proc,
// and a daemon that asked itself could wait for itself, and not even be killed.
package native

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// root is open with O_PATH, as long as the process lives.
var root, rootErr = openRoot()

// openRoot opens /proc, or makes a procfs that is mounted nowhere where there is none, or
// /proc is something else: an iterfs, or what is left of one; or the procfs of another
// pid namespace, where this process is not, or has another number.
func openRoot() (int, error) {
	if fd, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
		var fs unix.Statfs_t
		if unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC && isOwn(fd) {
			return fd, nil
		}
		unix.Close(fd)
	}
	fd, err := Mount(nil)
	if err != nil {
		return -1, fmt.Errorf("no procfs of this pid namespace is mounted there, and none can be made: %w", err)
	}
	return fd, nil
}

// isOwn reports whether the root of a procfs is that of this process's pid namespace.
func isOwn(root int) bool {
	var text [16]byte
	n, err := unix.Readlinkat(root, "self", text[:])
	return err == nil && string(text[:n]) == strconv.Itoa(os.Getpid())
}

// Mount makes a new procfs of this process's pid namespace, with options as
// mount(8) takes them, and returns a descriptor of its root. It is mounted
// nowhere until move_mount(2), and goes with its last descriptor.
func Mount(options map[string]string) (int, error) {
	return mount(func(fs int) error {
		for name, value := range options {
			if err := unix.FsconfigSetString(fs, name, value); err != nil {
				return fmt.Errorf("option %s=%s of procfs: %w", name, value, err)
			}
		}
		return nil
	})
}

// MountFor makes a procfs of the pid namespace that a file ns/pid of procfs stands for, and
// returns a descriptor of its root, as Mount does. Before Linux 6.17 it is
// errors.ErrUnsupported: only whoever is in a pid namespace could mount its procfs.
func MountFor(pidNS *os.File) (int, error) {
	return mount(func(fs int) error {
		err := unix.FsconfigSetFd(fs, "pidns", int(pidNS.Fd()))
		if err == unix.EINVAL {
			return fmt.Errorf("option pidns of procfs: %w", errors.ErrUnsupported)
		}
		return err
	})
}

func mount(configure func(fs int) error) (int, error) {
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigSetString(fs, "source", "proc"); err != nil {
		return -1, err
	}
	if err := configure(fs); err != nil {
		return -1, err
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, err
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_RELATIME)
}

// Root returns the descriptor of the root, for system calls that take a path below
// it. It is the package's: not to be closed.
func Root() (int, error) { return root, rootErr }

// Openat opens a file by its path below /proc, as openat(2) does, with the same
// errors.
func Openat(name string, flags int) (int, error) {
	if rootErr != nil {
		return -1, rootErr
	}
	return unix.Openat(root, name, flags|unix.O_CLOEXEC, 0)
}

// Dir opens the root itself, with O_PATH.
func Dir() (*os.File, error) { return open(".", unix.O_PATH|unix.O_DIRECTORY) }

func open(name string, flags int) (*os.File, error) {
	fd, err := Openat(name, flags)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/proc/" + name, Err: err}
	}
	return os.NewFile(uintptr(fd), "/proc/"+name), nil
}

// Open opens a file for reading, by its path below /proc.
func Open(name string) (*os.File, error) { return open(name, unix.O_RDONLY) }

// ReadFile returns the content of a file, by its path below /proc.
func ReadFile(name string) ([]byte, error) {
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// Readlink returns the text of a link, by its path below /proc.
func Readlink(name string) (string, error) {
	f, err := open(name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(f.Fd()), "", text)
	if err != nil {
		return "", &os.PathError{Op: "readlink", Path: f.Name(), Err: err}
	}
	return string(text[:n]), nil
}

// Mounts returns the mounts of this thread's namespace that a filter keeps; nil
// keeps all.
func Mounts(filter mountinfo.FilterFunc) ([]*mountinfo.Info, error) {
	f, err := Open("thread-self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return mountinfo.GetMountsFromReader(f, filter)
}

// Stat describes the file that a path below /proc leads to, links followed.
func Stat(name string) (os.FileInfo, error) {
	f, err := open(name, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}
