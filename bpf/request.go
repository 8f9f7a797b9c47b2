// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"context"
	"io"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// A Request is one open of a file.
type Request struct {
	System
	Target *Target
	File   *File
	Reader Reader
	// Object is the one that the file tells about; nil where it tells about all.
	Object *Key
	// Params narrow to the object, and to the reader's network namespace and root
	// directory where the file asks for them. They are valid until the open returns.
	Params Params
}

// A System runs iterators.
type System interface {
	// Run attaches a program of a target. Whoever asks for a run closes it.
	Run(t *Target, program string, p Params) (Records, error)
	// Call runs a program of a target that is no iterator, SEC("syscall"), with what
	// it reads and writes as its context.
	Call(t *Target, program string, ctx []byte) error
	// Exists reports whether the object that the file at path tells about is there.
	Exists(ctx context.Context, path string, o Key) (bool, error)
	// CountRows adds to the number of rows that were given out.
	CountRows(n int)
}

// Records are what one run of an iterator writes.
type Records interface {
	// Next returns the next whole records, valid until the next call, and io.EOF
	// behind the last. When ctx ends first the call can be made again, and nothing
	// is lost.
	Next(ctx context.Context) ([]byte, error)
	Close() error
}

// A Collector is the Records of a run with Params.Collect.
type Collector interface {
	Records
	// Collected is the map that was named there, valid until Close.
	Collected() *ebpf.Map
}

// Content is the text of an open file, made as it is read.
type Content interface {
	// Append appends some of what comes next: about as much as dst has room for,
	// or a bounded amount more, or nothing yet. It returns io.EOF at the end. After
	// an error of ctx it can be asked again.
	Append(ctx context.Context, dst []byte) ([]byte, error)
	Close() error
}

// Start makes the content of the request's file.
func (r Request) Start(form Form) (Content, error) {
	if r.File.Open != nil {
		return r.File.Open(r, form)
	}
	return r.Render(r.File.Program, r.File.As(form))
}

// Render runs a program of the target with the request's parameters and makes
// text of its records.
func (r Request) Render(program string, format Format) (Content, error) {
	records, err := r.Run(r.Target, program, r.Params)
	if err != nil {
		return nil, err
	}
	return r.Content(records, format), nil
}

// Content makes text of records that were started for the request: of those of
// its object alone, where it has one. It closes them.
func (r Request) Content(records Records, format Format) Content {
	return &rendered{request: r, records: records, format: format}
}

// rendered is records made text as they come.
type rendered struct {
	request Request
	records Records
	format  Format

	begun bool
	batch []byte // what is not rendered yet
	rows  int
}

// Append renders what is left of a batch of records, or the next one. The file
// of an object that has gone, or whose number another one has by now, is ESRCH.
func (c *rendered) Append(ctx context.Context, dst []byte) ([]byte, error) {
	if !c.begun {
		c.begun = true
		return c.format.Head(dst), nil
	}
	text, err := c.render(ctx, dst)
	if err == io.EOF && c.rows == 0 && c.request.Object != nil {
		err = c.empty(ctx)
	}
	return text, err
}

func (c *rendered) render(ctx context.Context, dst []byte) ([]byte, error) {
	if len(c.batch) == 0 {
		var err error
		if c.batch, err = c.records.Next(ctx); err != nil {
			return dst, err
		}
	}
	text, rest, rows, err := c.format.Append(dst, c.batch, c.request.Object)
	c.batch = rest
	c.rows += rows
	c.request.CountRows(rows)
	return text, err
}

// empty is io.EOF for an object that is there and has no rows.
func (c *rendered) empty(ctx context.Context) error {
	r := &c.request
	if !r.File.MayBeEmpty {
		return unix.ESRCH
	}
	switch there, err := r.Exists(ctx, r.File.Path, *r.Object); {
	case err != nil:
		return err
	case !there:
		return unix.ESRCH
	}
	return io.EOF
}

func (c *rendered) Close() error { return c.records.Close() }
