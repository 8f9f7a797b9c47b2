// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Source reads the records of one program. R is small and passed by value:
// pointers into the batch.
type Source[R any] struct {
	// Decode returns the first record of a batch and how many bytes it takes.
	Decode func(batch []byte) (R, int, error)
	Key    func(R) Key
}

// Fixed decodes, in place, records of a type that has neither pointers nor a tail.
func Fixed[T any](batch []byte) (*T, int, error) {
	var t T
	size := int(unsafe.Sizeof(t))
	if len(batch) < size {
		return nil, 0, fmt.Errorf("torn record: %d bytes of the %d of a %T", len(batch), size, t)
	}
	return (*T)(unsafe.Pointer(unsafe.SliceData(batch))), size, nil
}

// Tailed decodes, in place, a record that more bytes follow: lengths tells those
// of the whole and of its tail.
func Tailed[T any](batch []byte, lengths func(*T) (whole, tail int)) (r *T, tail []byte, size int, err error) {
	r, at, err := Fixed[T](batch)
	if err != nil {
		return nil, nil, 0, err
	}
	size, n := lengths(r)
	if at+n > size || size > len(batch) {
		return nil, nil, 0, fmt.Errorf("torn record: %d bytes of the %d of a %T with a tail of %d", len(batch), size, *r, n)
	}
	return r, batch[at : at+n], size, nil
}

// Changed is the source of records that change changes, in the batch.
func (s Source[R]) Changed(change func(R)) Source[R] {
	return Source[R]{Key: s.Key, Decode: func(batch []byte) (R, int, error) {
		r, n, err := s.Decode(batch)
		if err == nil {
			change(r)
		}
		return r, n, err
	}}
}

// Objects makes the function that Objects.Decode asks for. What describe does not
// say otherwise, the objects are root's and named by their IDs; it may be nil.
func (s Source[R]) Objects(describe func(r R, o *Object)) func([]byte, func(Object) bool) error {
	return func(batch []byte, yield func(Object) bool) error {
		for len(batch) > 0 {
			r, n, err := s.Decode(batch)
			if err != nil {
				return err
			}
			o := Object{Key: s.Key(r)}
			if describe != nil {
				describe(r, &o)
			}
			if !yield(o) {
				return nil
			}
			batch = batch[n:]
		}
		return nil
	}
}

// Lines makes text of records one by one, with nothing before or between.
func (s Source[R]) Lines(line func(dst []byte, r R) []byte) Format { return s.LinesBelow("", line) }

// LinesBelow is Lines below a head.
func (s Source[R]) LinesBelow(head string, line func(dst []byte, r R) []byte) Format {
	return format[R]{source: s, head: head, row: always(line)}
}

// Texts is Lines of a text that can fail. A record whose text is ESRCH is passed
// over, as its object has gone; any other error is the reader's.
func (s Source[R]) Texts(text func(dst []byte, r R) ([]byte, error)) Format {
	return format[R]{source: s, row: text}
}

func always[R any](row func(dst []byte, r R) []byte) func([]byte, R) ([]byte, error) {
	return func(dst []byte, r R) ([]byte, error) { return row(dst, r), nil }
}

type format[R any] struct {
	source Source[R]
	head   string
	row    func(dst []byte, r R) ([]byte, error)
}

func (f format[R]) Head(dst []byte) []byte { return append(dst, f.head...) }

func (f format[R]) Append(dst, batch []byte, only *Key) ([]byte, []byte, int, error) {
	rows := 0
	for len(batch) > 0 {
		r, n, err := f.source.Decode(batch)
		if err != nil {
			return dst, batch, rows, err
		}
		batch = batch[n:]
		if only != nil && f.source.Key(r) != *only {
			continue
		}
		text, err := f.row(dst, r)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return dst, batch, rows, err
		}
		dst = text
		rows++
		if cap(dst)-len(dst) < RowRoom {
			break
		}
	}
	return dst, batch, rows, nil
}
