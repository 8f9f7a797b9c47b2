// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"io"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// creates is what creates entries in the directory; nil where nothing does.
func (n *Node) creates() func(context.Context, Request, string) (Object, error) {
	if n.tmpl.object == nil {
		return nil
	}
	return n.tmpl.object.entry.Create
}

// Create opens for writing a file that is to be an entry of the directory. It is
// none, to Lookup and List, before its content has been taken.
func (n *Node) Create(ctx context.Context, c Caller, name string) (*Node, *Writer, error) {
	create := n.creates()
	switch t := n.tmpl.object; {
	case create != nil:
	case n.isReal():
		return nil, nil, unix.ENOENT // as procfs
	case t != nil && t.entry.Write != nil:
		return nil, nil, unix.ENOENT // there is none of that name to write to
	default:
		return nil, nil, unix.EROFS
	}
	o, err := create(ctx, n.request(c), name)
	if err != nil {
		return nil, nil, err
	}
	child := n.newNode(n.tmpl.object, name, o)
	w, err := child.OpenWriter(ctx, c, true)
	return child, w, err
}

// Remove removes an entry of the directory.
func (n *Node) Remove(ctx context.Context, c Caller, name string) error {
	child, err := n.Lookup(ctx, c, name)
	switch {
	case err != nil:
		return err
	case n.isReal():
		return unix.EPERM // as procfs
	case child.tmpl.entry.Remove == nil:
		return unix.EROFS
	case child.IsDir():
		return unix.EPERM
	}
	return child.tmpl.entry.Remove(ctx, child.request(c))
}

// OpenWriter opens a file for writing: with its content to begin with, or with
// truncate with none.
func (n *Node) OpenWriter(ctx context.Context, c Caller, truncate bool) (*Writer, error) {
	e := &n.tmpl.entry
	switch {
	case n.IsDir():
		return nil, unix.EISDIR
	case e.Write == nil:
		return nil, unix.EROFS
	}
	sink, err := e.Write(ctx, n.request(c))
	if err != nil {
		return nil, err
	}
	w := &Writer{sink: sink, limit: e.Collect, changed: truncate}
	if w.limit > 0 && !truncate {
		w.content, err = n.readAll(ctx, c)
	}
	return w, err
}

func (n *Node) readAll(ctx context.Context, c Caller) (content []byte, err error) {
	s, err := n.tmpl.entry.Open(ctx, n.request(c))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for err == nil {
		content, err = s.Append(ctx, content)
	}
	if err == io.EOF {
		err = nil
	}
	return content, err
}

// A Writer is a file that is open for writing. It is safe for concurrent use.
type Writer struct {
	sink  Sink
	limit int // Entry.Collect

	mu       sync.Mutex
	content  []byte // what was collected
	tooLarge bool   // it is incomplete, and stays so
	changed  bool   // since it was last given to the sink
	failed   error  // what the sink said then
}

// collects reports whether the file is what was collected of it.
func (w *Writer) collects() bool { return w != nil && w.limit > 0 }

// atEnd is the offset of a write that goes behind what was written.
const atEnd = -1

// WriteAt takes p as a new content or, where contents are collected, as a part of
// one. It writes all or nothing.
func (w *Writer) WriteAt(ctx context.Context, p []byte, off int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limit == 0 {
		return w.sink(ctx, p)
	}
	if off == atEnd {
		off = int64(len(w.content))
	}
	if err := w.resize(max(off+int64(len(p)), int64(len(w.content)))); err != nil {
		return err
	}
	copy(w.content[off:], p)
	return nil
}

// Truncate changes the size of what was collected.
func (w *Writer) Truncate(size int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limit == 0 {
		return nil // as for other files whose content has no place
	}
	return w.resize(size)
}

// resize cuts the content, or adds zeros to it.
func (w *Writer) resize(size int64) error {
	if w.tooLarge = w.tooLarge || size > int64(w.limit); w.tooLarge {
		w.content = nil
		return unix.EFBIG
	}
	if grow := int(size) - len(w.content); grow > 0 {
		w.content = slices.Grow(w.content, grow)
		clear(w.content[len(w.content):size])
	}
	w.content = w.content[:size]
	w.changed = true
	return nil
}

// Flush is a close: it gives what was collected to the sink, if that has changed
// since the last close. Several processes may hold the file, each closes it.
func (w *Writer) Flush(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tooLarge {
		return unix.EFBIG
	}
	if w.changed {
		w.changed = false
		w.failed = w.sink(ctx, w.content)
	}
	return w.failed
}

// ReadAt reads what was collected.
func (w *Writer) ReadAt(p []byte, off int64) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if off >= int64(len(w.content)) {
		return 0, io.EOF
	}
	return copy(p, w.content[off:]), nil
}

// size is how much was collected.
func (w *Writer) size() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return uint64(len(w.content))
}
