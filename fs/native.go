// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"io"
	iofs "io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Native is a real directory that one of the tree is laid over: Entry.Native.
type Native struct {
	// Dir is open, if only by O_PATH. Whoever asks for a Native closes it.
	Dir *os.File
	// As calls f, which acts on what is in Dir, with the caller's rights and with no
	// more; without it all is done with the daemon's.
	As func(c Caller, write bool, f func() error) error
}

func (d *Native) as(c Caller, write bool, f func() error) error {
	if d.As == nil {
		return f()
	}
	return d.As(c, write, f)
}

// fd is valid for as long as the Native is.
func (d *Native) fd() int { return int(d.Dir.Fd()) }

// stat takes no rights over what stands in Dir itself: of each way to it the kernel
// has asked before.
func (d *Native) stat(c Caller, name string) (st *unix.Stat_t, err error) {
	st = new(unix.Stat_t)
	look := func() error { return unix.Fstatat(d.fd(), name, st, unix.AT_SYMLINK_NOFOLLOW) }
	if !strings.Contains(name, "/") {
		return st, look()
	}
	return st, d.as(c, false, look)
}

func (d *Native) readlink(c Caller, name string) (string, error) {
	var room [unix.PathMax]byte
	var n int
	err := d.as(c, false, func() (err error) {
		n, err = unix.Readlinkat(d.fd(), name, room[:])
		return err
	})
	return string(room[:max(n, 0)]), err
}

// list returns the entries of a directory in its own order.
func (d *Native) list(c Caller, name string) (entries []iofs.DirEntry, err error) {
	err = d.as(c, false, func() error {
		fd, err := unix.Openat(d.fd(), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		dir := os.NewFile(uintptr(fd), name)
		defer dir.Close()
		entries, err = dir.ReadDir(-1)
		return err
	})
	return entries, err
}

// openFlags are those of an open that are the file's to act on.
const openFlags = unix.O_ACCMODE | unix.O_TRUNC | unix.O_NONBLOCK

func (d *Native) open(c Caller, name string, flags uint32) (*File, error) {
	f := &File{as: d.as}
	err := d.as(c, flags&unix.O_ACCMODE != unix.O_RDONLY, func() error {
		fd, err := unix.Openat(d.fd(), name, int(flags)&openFlags|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if err == nil {
			f.file = os.NewFile(uintptr(fd), name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// A File is an open real file, to which offsets are passed on.
type File struct {
	file *os.File
	as   func(c Caller, write bool, f func() error) error

	mu  sync.Mutex
	end int64 // of the last write
}

// ReadAt fills p from offset off on, as far as the file gives without an error
// between. A read that the file does not answer is given up when ctx ends.
func (f *File) ReadAt(ctx context.Context, c Caller, p []byte, off int64) (n int, err error) {
	buf := make([]byte, len(p)) // p is not ours any more once it is given up
	n, err = f.await(ctx, c, false, func() (int, error) { return f.file.ReadAt(buf, off) })
	return copy(p, buf[:n]), err
}

// WriteAt writes p at an offset.
func (f *File) WriteAt(ctx context.Context, c Caller, p []byte, off int64) (int, error) {
	buf := slices.Clone(p)
	return f.await(ctx, c, true, func() (int, error) { return f.write(buf, off) })
}

// write moves to where it writes: most files of procfs refuse pwrite(2).
func (f *File) write(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off != f.end {
		if _, err := f.file.Seek(off, io.SeekStart); err != nil {
			return 0, err
		}
	}
	n, err := f.file.Write(p)
	f.end = off + int64(n)
	return n, err
}

// patience is how long a caller who got a signal waits on: the kernel, too, answers
// most of what it is asked at once, and EINTR is no answer that readers expect.
const patience = time.Second

// await waits for what is done with the caller's rights, and not for ever once ctx
// has ended.
func (f *File) await(ctx context.Context, c Caller, write bool, do func() (int, error)) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		if err := f.as(c, write, func() error { r.n, r.err = do(); return nil }); err != nil {
			r.err = err
		}
		done <- r
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		select {
		case r = <-done:
		case <-time.After(patience):
			return 0, ctx.Err()
		}
	}
	if r.n > 0 {
		return r.n, nil // an error comes again with the next part
	}
	return 0, Told(r.err) // it is the kernel's answer
}

// stream is the content of the file, read through from its beginning.
func (f *File) stream(c Caller) Stream { return &fileStream{File: f, caller: c} }

type fileStream struct {
	*File
	caller Caller
	off    int64
}

func (s *fileStream) Append(ctx context.Context, dst []byte) ([]byte, error) {
	dst = slices.Grow(dst, 1)
	n, err := s.ReadAt(ctx, s.caller, dst[len(dst):cap(dst)], s.off)
	s.off += int64(n)
	return dst[:len(dst)+n], err
}

// Close closes the file; a read that was given up ends first.
func (f *File) Close() error { return f.file.Close() }
