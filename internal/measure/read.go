// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What scanners and agents do is done here at its best: by system calls with one
// buffer, and with nothing made of what is read.

// Buffer is one for the functions below, as large as that of cat(1).
func Buffer() []byte { return make([]byte, 128<<10) }

// Whole reads a file to its end.
func Whole(path string, buf []byte) error {
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	for {
		n, err := ignoringSignals(func() (int, error) { return unix.Read(fd, buf) })
		if err != nil {
			return &os.PathError{Op: "read", Path: path, Err: err}
		}
		if n == 0 {
			return nil
		}
	}
}

// First reads a file once, as agents read what is small.
func First(path string, buf []byte) error { return first(unix.AT_FDCWD, path, buf) }

func first(dir int, path string, buf []byte) error {
	fd, err := unix.Openat(dir, path, unix.O_RDONLY, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	if _, err := ignoringSignals(func() (int, error) { return unix.Read(fd, buf) }); err != nil {
		return &os.PathError{Op: "read", Path: path, Err: err}
	}
	return nil
}

// Each reads a file of every process in a directory of processes once. It does not
// matter what has gone, or may not be read.
func Each(proc, file string, buf []byte) error {
	return eachProcess(proc, func(dir int, pid string) { first(dir, pid+"/"+file, buf) })
}

// Links reads the links in a directory of every process, as lsof does those in fd.
func Links(proc, links string, buf []byte) error {
	return eachProcess(proc, func(_ int, pid string) {
		d, err := os.Open(filepath.Join(proc, pid, links))
		if err != nil {
			return
		}
		defer d.Close()
		names, _ := d.Readdirnames(-1)
		for _, name := range names {
			unix.Readlinkat(int(d.Fd()), name, buf)
		}
	})
}

// Scan does to a directory of processes what ps does: of each process it asks for the
// owner and reads three files, while it lists them.
func Scan(proc string, buf []byte) error {
	var st unix.Stat_t
	return eachProcess(proc, func(dir int, pid string) {
		if unix.Fstatat(dir, pid, &st, 0) == nil {
			first(dir, pid+"/stat", buf)
			first(dir, pid+"/status", buf)
			first(dir, pid+"/cmdline", buf)
		}
	})
}

// List lists a directory.
func List(path string) error { return eachName(path, func(int, string) {}) }

func eachProcess(proc string, f func(dir int, pid string)) error {
	return eachName(proc, func(dir int, name string) {
		if '0' <= name[0] && name[0] <= '9' {
			f(dir, name)
		}
	})
}

// eachName calls f between one getdents(2) and the next, as readdir(3) gives names.
func eachName(path string, f func(dir int, name string)) error {
	dir, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(dir)
	entries := make([]byte, 32<<10)
	var names []string
	for {
		n, err := ignoringSignals(func() (int, error) { return unix.ReadDirent(dir, entries) })
		if err != nil {
			return &os.PathError{Op: "readdir", Path: path, Err: err}
		}
		if n == 0 {
			return nil
		}
		_, _, names = unix.ParseDirent(entries[:n], -1, names[:0])
		for _, name := range names {
			f(dir, name)
		}
	}
}

// ignoringSignals calls again what one of the runtime's own signals has interrupted.
func ignoringSignals(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); err != unix.EINTR {
			return n, err
		}
	}
}
