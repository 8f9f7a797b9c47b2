// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"io"
	"iter"
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

// Opened keeps what was found out about who opened a file, and closes it with the file.
type Opened struct{ Kept io.Closer }

func (o *Opened) close() {
	if o != nil && o.Kept != nil {
		o.Kept.Close()
	}
}

// A Stream is the content of one open file, made as it is read.
type Stream interface {
	// Append appends some of what comes next: about as much as dst has room for,
	// or a bounded amount more, or nothing yet. It returns io.EOF at the end. After
	// an error of ctx it can be asked again.
	Append(ctx context.Context, dst []byte) ([]byte, error)
	Close() error
}
