// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	kernel "github.com/iterfs/iterfs/native"
)

// native is the native procfs, by a descriptor of its root.
type native struct{ fd int }

func (n native) open(dir int, name string, flags int) (int, error) {
	return unix.Openat(dir, name, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
}

// process opens the directory of a process.
func (n native) process(pid uint32) (fd int, st unix.Stat_t, err error) {
	return n.directory(strconv.FormatUint(uint64(pid), 10), unix.O_PATH)
}

// directory opens that of a process or thread, or of a process's threads. What is found
// below it is that one's or nothing, though the number be given to another.
func (n native) directory(path string, flags int) (fd int, st unix.Stat_t, err error) {
	fd, err = n.open(n.fd, path, flags|unix.O_DIRECTORY)
	if err != nil {
		return -1, st, err
	}
	if err = unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, st, err
	}
	return fd, st, nil
}

// appendFile appends the content of a file below a directory.
func (n native) appendFile(b []byte, dir int, name string) ([]byte, error) {
	fd, err := n.open(dir, name, unix.O_RDONLY)
	if err != nil {
		return b, err
	}
	defer unix.Close(fd)
	for {
		b = slices.Grow(b, 4096)
		k, err := unix.Read(fd, b[len(b):cap(b)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || k == 0:
			return b, err
		}
		b = b[:len(b)+k]
	}
}

// start returns when a process or thread began, in ticks, by its file stat.
func (n native) start(dir int, stat string) (uint64, error) {
	text, err := n.appendFile(nil, dir, stat)
	if err != nil {
		return 0, err
	}
	return kernel.StatNumber(text, 22), nil
}

// readlink returns the text of a link.
func (n native) readlink(dir int, name string) ([]byte, error) {
	b := make([]byte, unix.PathMax)
	k, err := unix.Readlinkat(dir, name, b)
	if err != nil {
		return nil, err
	}
	return b[:k], nil
}

// An entry is a name of a directory, with the type bits of its mode.
type entry struct {
	name string
	mode uint32
}

// list passes on the entries of a directory in their order, without . and .. and
// until yield returns false. A small buffer asks the kernel for few at a time.
func (n native) list(dir int, name string, buffer int, yield func(entry) bool) error {
	fd, err := n.open(dir, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return n.entries(fd, buffer, yield)
}

// entries passes on those of an open directory.
func (native) entries(fd, buffer int, yield func(entry) bool) error {
	buf := make([]byte, buffer)
	for {
		k, err := unix.Getdents(fd, buf)
		if err != nil || k == 0 {
			return err
		}
		for b := buf[:k]; len(b) > 0; {
			e, size := parseDirent(b)
			b = b[size:]
			if e.name != "." && e.name != ".." && !yield(e) {
				return nil
			}
		}
	}
}

// parseDirent reads a linux_dirent64.
func parseDirent(b []byte) (e entry, size int) {
	size = int(b[16]) | int(b[17])<<8
	name, _, _ := bytes.Cut(b[19:size], []byte{0})
	return entry{string(name), uint32(b[18]) << 12}, size
}

// pid returns the number that a name of the root is, if it is that of a process.
func parsePID(name string) (uint32, bool) {
	if name == "" || name[0] < '1' || name[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(name, 10, 31)
	return uint32(n), err == nil
}

// Sweep is what there is without a better source: file by file.
func (n native) Sweep(ctx context.Context, want Files, _ []uint32, visit func(*Process)) error {
	var p Process
	return n.list(n.fd, ".", 32<<10, func(e entry) bool {
		pid, is := parsePID(e.name)
		if is && n.visit(pid, want, &p) == nil {
			visit(&p)
		}
		return ctx.Err() == nil
	})
}

func (n native) visit(pid uint32, want Files, p *Process) error {
	dir, st, err := n.process(pid)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	start, err := n.start(dir, "stat")
	if err != nil {
		return err
	}
	files := p.Files
	*p = Process{PID: pid, Start: kernel.Start(start), UID: st.Uid, GID: st.Gid}
	for f := range NumHot {
		if !want.Has(f) {
			continue
		}
		p.Files[f], err = n.appendFile(files[f][:0], dir, f.String())
		if err == io.EOF || gone(err) {
			return err
		}
		if err != nil {
			p.Files[f] = nil
		}
	}
	return nil
}
