// SPDX-License-Identifier: Apache-2.0

// Package bpf says what an iterator target is made of. Each directory below it
// is one target of the kernel, named as the kernel names it: its BPF program,
// the Go types generated from the program's records, the text made of them, and
// the place of that text in the tree. Only sock, btftext and query are none: they
// are what several share, and programs made on the fly.
package bpf

import (
	"slices"

	"github.com/cilium/ebpf"
)

// A Target is one of the kernel's iterator targets.
type Target struct {
	// Name is the kernel's name for it, as in SEC("iter/NAME").
	Name string
	// Since is the first kernel release that has it.
	Since string
	// Object returns the compiled programs.
	Object func() (*ebpf.CollectionSpec, error)
	// Records maps each record type of the object to the size of its Go twin;
	// loading fails where the object's BTF says otherwise.
	Records map[string]uintptr
	// Transient says that the target was made on the fly, as one of many: its
	// programs are kept loaded only while they are among those used lately.
	Transient bool

	Files   []File
	Objects []Objects
}

// A File is text made of one program's records, or by an Open of its own.
type File struct {
	// Path is the place in the tree. A component <name> stands for an object of
	// the Objects entry with the path up to there, and <name>... for objects to any
	// depth; the file then tells of the last of them alone.
	Path string
	// Doc says in one line what the file tells.
	Doc string
	// Columns tell what a table's columns are; nil for other text.
	Columns []ColumnDoc
	// Mode is the file's permissions; 0 for 0444.
	Mode uint32
	// PerNetNS says that the records are those of a network namespace: the reader's.
	PerNetNS bool
	// PerRoot says that it shows paths, which begin at a root directory: the reader's.
	PerRoot bool

	// Traced says of an object's file who is refused it: who may not trace the task.
	Traced Check
	// MayBeEmpty says that an object need not have any row; a file without one is
	// then no sign that the object has gone.
	MayBeEmpty bool

	// Program is the iterator program in the target's object.
	Program string
	Format  Format
	// JSON, where there is one, makes the twin Path.json.
	JSON Format

	// Open, if set, makes the content instead of Program and the formats: for a
	// file that joins several programs, or whose form depends on the object.
	Open func(r Request, form Form) (Content, error)
	// Twin says that Open makes JSON too.
	Twin bool
}

// Check is when the kernel decides whether a reader may see what takes the right to
// trace a task.
type Check int

// The times of a check.
const (
	Never   Check = iota
	AtOpen        // for all that is read of the open file
	Memory        // likewise, of what tells of its memory
	AtReads       // by whoever reads: a descriptor can have been handed on
	InReads       // likewise, but nobody is refused: the file leaves some of it out
)

// Form is the form of a file's text.
type Form int

// The forms: as it is, and that of the twin.
const (
	Text Form = iota
	JSON
)

// Objects is a directory entry for each object that a program visits.
type Objects struct {
	// Path ends in the component that stands for the object: tasks/<pid>; or, where
	// objects hold objects, for those of any depth: cgroups/<cgroup>...
	Path string
	Doc  string
	// Program writes at least one record for each object.
	Program string
	// Run, if set, starts what writes the records instead of Program: those of the
	// objects in the directory of the request's object, or in the topmost one, or with
	// name at least the one of that name. Names then are the objects' own.
	Run func(r Request, name string) (Records, error)
	// Decode yields the object of each record of a batch, and reports one that
	// does not decode.
	Decode func(batch []byte, yield func(Object) bool) error
	// Within makes the kernel visit those in the directory of a parent, where that is
	// an object: Decode then tells whose each is.
	Within func(parent uint32) Params
	// Narrow makes the kernel visit one object alone, for this program and for
	// those of the files below Path. Without, what it visits is filtered by key.
	Narrow func(id uint32) Params
	// PerPIDNS says that objects are named by their numbers in the reader's pid
	// namespace. Their IDs are those in the daemon's.
	PerPIDNS bool
}

// An Object is one entry of a directory of objects.
type Object struct {
	Key
	// Name is the entry's name; "" for the ID in decimal.
	Name string
	// UID and GID own the entry.
	UID, GID uint32
	// Parent is the object whose directory it is in, of Objects.Within.
	Parent Key
}

// A Key tells objects of a target apart.
type Key struct {
	// ID is the number by which users know the object: tgid, map id.
	ID uint32
	// Birth differs between two objects that had one ID after another; it is 0
	// where the kernel does not use an ID again.
	Birth uint64
}

// A Format appends text to dst, as the append functions of strconv do.
type Format interface {
	// Head appends what stands before the first record.
	Head(dst []byte) []byte
	// Append appends the text of each record of a batch, or only of those with
	// the key, and returns how many it rendered. A batch is whole records. When
	// dst has less than RowRoom left it stops after the row, with the rest of the
	// batch. It returns io.EOF where the records themselves say that they end.
	Append(dst, batch []byte, only *Key) (text, rest []byte, rows int, err error)
}

// RowRoom is what most rows keep to. A row that is longer than the room dst has
// makes it grow, as append does.
const RowRoom = 1024

// HasJSON reports whether the file has a twin.
func (f *File) HasJSON() bool { return f.JSON != nil || f.Twin }

// SameColumns reports whether both files are tables of the same columns.
func (f File) SameColumns(g File) bool {
	return len(f.Columns) > 0 && slices.Equal(f.Columns, g.Columns)
}

// As is the format of one form of the file.
func (f *File) As(form Form) Format {
	if form == JSON {
		return f.JSON
	}
	return f.Format
}
