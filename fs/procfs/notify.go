// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"encoding/binary"
	"math"

	"golang.org/x/sys/unix"
)

// The notices of linux/fuse.h that are written here.
const (
	noticeInvalidate = 2
	noticeForgetName = 3
	noticeStore      = 4
)

// A device is an open /dev/fuse.
type device int

// store puts a content into the kernel's pages of a file. A file that it lengthens
// has its new size at once; its pages it may have to wait for, as long as a READ of
// them is not answered.
func (d device) store(id, offset uint64, content []byte) error {
	var b [24]byte
	binary.NativeEndian.PutUint64(b[:], id)
	binary.NativeEndian.PutUint64(b[8:], offset)
	binary.NativeEndian.PutUint32(b[16:], uint32(len(content)))
	return d.notify(noticeStore, b[:], content)
}

// invalidate drops a file's pages and attributes; it may wait as store does.
func (d device) invalidate(id uint64) error {
	var b [24]byte
	binary.NativeEndian.PutUint64(b[:], id)
	return d.notify(noticeInvalidate, b[:], nil) // from offset 0, of length 0: all
}

// forgetAttributes drops a file's attributes, those too that an answer brings which
// has been given but not been seen yet. It does not wait.
func (d device) forgetAttributes(id uint64) error {
	var b [24]byte
	binary.NativeEndian.PutUint64(b[:], id)
	binary.NativeEndian.PutUint64(b[8:], math.MaxUint64) // offset -1: no pages
	return d.notify(noticeInvalidate, b[:], nil)
}

// forgetName has a name of a directory looked up again. It waits while one is.
func (d device) forgetName(dir uint64, name string) error {
	var b [16]byte
	binary.NativeEndian.PutUint64(b[:], dir)
	binary.NativeEndian.PutUint32(b[8:], uint32(len(name)))
	return d.notify(noticeForgetName, b[:], append([]byte(name), 0))
}

func (d device) notify(code uint32, head, tail []byte) error {
	var h [outHeader]byte
	binary.NativeEndian.PutUint32(h[:], uint32(outHeader+len(head)+len(tail)))
	binary.NativeEndian.PutUint32(h[4:], code)
	parts := [3][]byte{h[:], head, tail}
	used := len(parts)
	if len(tail) == 0 {
		used--
	}
	_, err := unix.Writev(int(d), parts[:used])
	return err
}
