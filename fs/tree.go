// SPDX-License-Identifier: Apache-2.0

// Package fs serves a tree of live files: from one description of its entries
// it answers look-ups, listings and reads, by FUSE or in the process itself. It
// knows nothing of what the files tell.
package fs

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// An Entry describes one name of the tree, or a family of names.
type Entry struct {
	// Path is the place below the root. A component <name> stands for each object
	// of the directory before it, and <name>... for objects to any depth: each is a
	// directory of such objects again. Where an object has the name of a fixed
	// entry beside it, the name means the fixed entry. Directories that only lead
	// elsewhere need no entry of their own.
	Path string
	// Mode is the permissions; 0 for 0444, and 0555 of a directory.
	Mode uint32
	// Private leaves an entry and all below it to root: owned by root whatever
	// object it stands below, and with no permissions for others.
	Private bool
	// Lasting says that the objects come, go and change by what is written to the
	// tree and by nothing else, so that the kernel can keep their entries.
	Lasting bool

	// Native opens the real directory that a directory, or that of an object, is laid
	// over: it has the attributes and the entries of that, in its order, and all below
	// it likewise. What the tree has an entry for, there or further down, is made by
	// that; all else is passed through. Directories of objects have those alone.
	Native func(ctx context.Context, r Request) (*Native, error)
	// Real says of an entry below such a directory that it stands for a real one: it
	// is there when that is, and is written to by that.
	Real bool

	// Exactly one of the four is set; only Objects may have Open beside it: the
	// objects are files then, but for those that say they are directories.

	// Open starts the content of a file.
	Open func(ctx context.Context, r Request) (Stream, error)
	// Link returns the content of a symbolic link.
	Link func(ctx context.Context, r Request) (string, error)
	// Objects generates the objects that the last component <name> stands for:
	// all of them, or with want at least those of that name. Listing and look-up
	// both ask it, so they cannot disagree. The request tells whose directory it is.
	Objects func(ctx context.Context, r Request, want string) iter.Seq2[Object, error]
	// Dir makes a directory, which may be empty.
	Dir bool

	// A tree is read-only where the following are nil. The first two ask for
	// something whose content comes later; they are where a caller is refused.

	// Write opens a file for a new content and returns what takes it.
	Write func(ctx context.Context, r Request) (Sink, error)
	// Collect is what a new content can have at most: what was written is taken
	// at each close, as one. With 0 each write is a content and taken by itself.
	Collect int
	// Create names an object that is to be, once its content has been taken.
	Create func(ctx context.Context, r Request, name string) (Object, error)
	// Remove removes an object, the last one of the request.
	Remove func(ctx context.Context, r Request) error
}

// A Sink takes a new content, which it does not keep, and tells what is wrong
// with it.
type Sink func(ctx context.Context, content []byte) error

// An Object is what a component <name> stands for.
type Object struct {
	Name string
	// ID is the object's number for the entries below it; Birth tells it from
	// another that had the number before.
	ID, Birth uint64
	// UID and GID own it.
	UID, GID uint32
	// Dir says that it is a directory although its entry has an Open.
	Dir bool
	// Size is a file's, where it is known, and Modified when it was last changed.
	Size     uint64
	Modified time.Time
}

// A Caller is who asks. TID is a thread, as the daemon's pid namespace numbers
// it; 0 when it is not visible there.
type Caller struct {
	UID, GID, TID uint32
}

// CallerOf is who asks, of the context that Stream.Append is called with; false where
// that is not known.
func CallerOf(ctx context.Context) (Caller, bool) {
	c, ok := fuse.FromContext(ctx)
	if !ok {
		return Caller{}, false
	}
	return Caller{UID: c.Uid, GID: c.Gid, TID: c.Pid}, true
}

// A Request is what Entry's functions are asked with.
type Request struct {
	Caller
	// Objects are those on the path, outermost first.
	Objects []Object
	// Opened is the same for all that an open file asks Open for, of which each rewind
	// is one more: what is kept there was found out when it was opened.
	Opened *Opened
}

// Opened keeps what was found out about who opened a file.
type Opened struct{ Kept any }

// A Stream is the content of one open file, made as it is read.
type Stream interface {
	// Append appends some of what comes next: about as much as dst has room for,
	// or a bounded amount more, or nothing yet. It returns io.EOF at the end. After
	// an error of ctx it can be asked again.
	Append(ctx context.Context, dst []byte) ([]byte, error)
	Close() error
}

// A Tree is an immutable description, ready to be walked.
type Tree struct {
	root *template
}

// template is a node of the description; a node.go node is one of its instances.
type template struct {
	path     string
	name     string
	entry    Entry
	children []*template
	object   *template // the child that stands for objects; of <name>... itself
}

// New builds a tree. It panics on a description that contradicts itself, which
// is a mistake in the program.
func New(entries []Entry) *Tree {
	root := &template{}
	for _, e := range entries {
		t := root
		for name := range strings.SplitSeq(e.Path, "/") {
			t = t.child(name)
		}
		if t.defined() {
			panic(fmt.Sprintf("fs: two entries for %s", e.Path))
		}
		t.entry = e
	}
	root.check()
	return &Tree{root: root}
}

func (t *template) child(name string) *template {
	if isPlaceholder(name) {
		if t.object == nil {
			t.object = &template{name: name, path: join(t.path, name)}
			if strings.HasSuffix(name, recursive) {
				t.object.object = t.object
			}
		}
		if t.object.name != name {
			panic(fmt.Sprintf("fs: %s and %s in one directory", t.object.path, name))
		}
		return t.object
	}
	c := t.fixed(name)
	if c == nil {
		c = &template{name: name, path: join(t.path, name)}
		t.children = append(t.children, c)
	}
	return c
}

// fixed returns the entry of that very name, or nil.
func (t *template) fixed(name string) *template {
	for _, c := range t.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (t *template) check() {
	isFile := t.entry.Objects == nil && (t.entry.Open != nil || t.entry.Link != nil)
	if isFile && (len(t.children) > 0 || t.object != nil) {
		panic(fmt.Sprintf("fs: %s is a file and has entries below it", t.path))
	}
	if t.object != nil && t.object != t {
		if t.object.entry.Objects == nil {
			panic(fmt.Sprintf("fs: nothing generates the objects of %s", t.object.path))
		}
		t.object.check()
	}
	for _, c := range t.children {
		c.check()
	}
}

func (t *template) defined() bool {
	e := &t.entry
	return e.Open != nil || e.Link != nil || e.Objects != nil || e.Dir
}

// recursive ends a component that stands for objects to any depth.
const recursive = "..."

func isPlaceholder(name string) bool {
	return strings.HasPrefix(name, "<") && strings.HasSuffix(strings.TrimSuffix(name, recursive), ">")
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
