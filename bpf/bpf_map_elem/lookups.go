// SPDX-License-Identifier: Apache-2.0

package bpfmapelem

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// enotsupp is an error of the kernel's own that bpf(2) lets out.
const enotsupp = unix.Errno(524)

var (
	errNone    = errors.New("there is no such element")
	errChanged = fmt.Errorf("the element that was read last has gone, and with it the place in the map: read again: %w", unix.ESTALE)
)

// lookups are records of elements that bpf(2) looks up one by one. They hold a
// buffer of about bufferSize, or of one record.
type lookups struct {
	*elements
	m     *ebpf.Map
	buf   []byte
	ended error

	next      func(record []byte) error
	index     uint32
	begun     bool
	given     bool   // an element was found
	key, then []byte // the key at hand, and the one behind it
	last      error  // why there is none behind it
	spare     []byte
}

const bufferSize = 64 << 10

func newLookups(e *elements, m *ebpf.Map) *lookups {
	l := &lookups{elements: e, m: m, buf: make([]byte, max(e.record(), bufferSize))}
	switch e.kind.by {
	case indexes:
		l.next = l.nextIndex
	case front:
		l.next = l.front
	default:
		l.next = l.nextKey
		l.key, l.then, l.spare = make([]byte, e.keySize), make([]byte, e.keySize), make([]byte, e.keySize)
	}
	return l
}

// Next is that of bpf.Records.
func (l *lookups) Next(ctx context.Context) ([]byte, error) {
	n, size := 0, l.record()
	for l.ended == nil && n+size <= len(l.buf) {
		if err := ctx.Err(); err != nil {
			if n == 0 {
				return nil, err
			}
			break
		}
		switch err := l.next(l.buf[n : n+size]); err {
		case nil:
			n += size
		case errNone:
		default:
			l.ended = err
		}
	}
	if n == 0 && l.ended != nil {
		return nil, l.ended
	}
	return l.buf[:n], nil
}

// Close lets go of the map.
func (l *lookups) Close() error { return l.m.Close() }

// nextIndex looks up the next index.
func (l *lookups) nextIndex(record []byte) error {
	if l.index == l.maxEntries {
		return io.EOF
	}
	binary.NativeEndian.PutUint32(record, l.index)
	l.index++
	return l.lookup(record)
}

// front looks up what needs no key.
func (l *lookups) front(record []byte) error {
	if l.begun {
		return io.EOF
	}
	l.begun = true
	return l.lookup(record)
}

// nextKey looks up the key at hand, once it has asked for the one behind it.
func (l *lookups) nextKey(record []byte) error {
	if !l.begun {
		l.begun = true
		l.last = l.keyAfter(nil, l.key)
	}
	if l.last != nil {
		return l.last
	}
	l.last = l.keyAfter(l.key, l.then)
	copy(record, l.key)
	err := l.lookup(record)
	if err == errNone && l.last == nil && l.given {
		// Where the key had gone by then, the one behind it is the first again, and the
		// walk would go round.
		if l.keyAfter(nil, l.spare) == nil && bytes.Equal(l.spare, l.then) {
			return errChanged
		}
	}
	l.given = l.given || err == nil
	l.key, l.then = l.then, l.key
	return err
}

// keyAfter finds the key behind one, or the first; io.EOF when there is none.
func (l *lookups) keyAfter(key, after []byte) error {
	err := l.call(unix.BPF_MAP_GET_NEXT_KEY, key, after)
	if err == unix.ENOENT {
		return io.EOF
	}
	return err
}

// lookup finds the value of a record's key.
func (l *lookups) lookup(record []byte) error {
	err := l.call(unix.BPF_MAP_LOOKUP_ELEM, record[:l.keySize], record[l.keySize:])
	if err == unix.ENOENT {
		return errNone
	}
	return err
}

func (l *lookups) call(cmd int, key, value []byte) error {
	// Pointers that the runtime knows as such: a stack may move.
	attr := struct {
		fd, _      uint32
		key, value unsafe.Pointer
		flags      uint64
	}{fd: uint32(l.m.FD()), value: unsafe.Pointer(unsafe.SliceData(value))}
	if len(key) > 0 {
		attr.key = unsafe.Pointer(unsafe.SliceData(key))
	}
	_, err := bpf.Call(cmd, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	switch err {
	case nil, unix.ENOENT:
		return err
	case enotsupp, unix.ENOSPC:
		return fmt.Errorf("the kernel does not give what such a map holds (%v): %w", err, unix.EOPNOTSUPP)
	}
	return fmt.Errorf("look up an element: %w", err)
}
