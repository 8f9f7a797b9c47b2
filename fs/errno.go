// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"

	"golang.org/x/sys/unix"
)

// Errno is the one place where errors become what a reader sees. An errno in
// the chain is passed on; the rest are told apart by kind, and what is left is EIO.
func Errno(err error) unix.Errno {
	var errno unix.Errno
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return 0
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unix.EINTR
	case errors.Is(err, unix.EMFILE):
		return unix.ENFILE // the daemon's descriptors, not the reader's
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, errors.ErrUnsupported):
		return unix.EOPNOTSUPP
	case errors.Is(err, iofs.ErrNotExist):
		return unix.ENOENT
	case errors.Is(err, iofs.ErrPermission):
		return unix.EACCES
	}
	return unix.EIO
}

// expected tells the errors that readers and writers cause or that races bring from those
// that the log must tell of.
func expected(err error, errno unix.Errno) bool {
	if errors.As(err, new(told)) {
		return true
	}
	switch errno {
	case 0, unix.ENOENT, unix.ENOTDIR, unix.EISDIR, unix.ELOOP, unix.EINVAL, unix.ESRCH, unix.EINTR, unix.EACCES,
		unix.EBUSY, unix.ENAMETOOLONG, unix.ENOSPC:
		return true
	case unix.EROFS, unix.EPERM, unix.EXDEV, unix.EEXIST, unix.EFBIG:
		return true // of writers
	}
	return false
}

// Told marks an error of which users are told elsewhere: the log need not.
func Told(err error) error {
	if err == nil {
		return nil
	}
	return told{err}
}

type told struct{ error }

func (t told) Unwrap() error { return t.error }
