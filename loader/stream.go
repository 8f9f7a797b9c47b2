// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// batchSize is the kernel's own buffer, PAGE_SIZE << 3: a read of that size
// returns whole records, all that the buffer holds.
var batchSize = os.Getpagesize() << 3

var batches = sync.Pool{New: func() any {
	b := make([]byte, batchSize)
	return &b
}}

// A Stream is one run of an iterator. It is for one goroutine at a time, and
// whoever opened it closes it.
type Stream struct {
	link, iter int
	batch      *[]byte
	name       string
	close      sync.Once
}

// Open loads the target if need be and attaches its program with the parameters.
func (l *Loader) Open(t *bpf.Target, program string, p Params) (*Stream, error) {
	c, err := l.collection(t)
	if err != nil {
		return nil, err
	}
	prog := c.Programs[program]
	if prog == nil {
		return nil, fmt.Errorf("target %s has no program %s", t.Name, program)
	}
	if p.TID != 0 {
		ok, err := l.taskByTID()
		if err != nil {
			return nil, err
		}
		if !ok {
			p.TID = 0
		}
	}
	s := &Stream{name: t.Name + "/" + program}
	create := func() (err error) {
		s.link, s.iter, err = attach(prog.FD(), &p)
		return err
	}
	if p.NetNS != nil {
		err = inNetNS(p.NetNS, create)
	} else {
		err = create()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return s, nil
}

// Next returns the next whole records, valid until the next call, and io.EOF
// behind the last. Between two reads of the kernel it heeds ctx; a read itself
// is short, since the kernel bounds it by its buffer and by a million objects.
func (s *Stream) Next(ctx context.Context) ([]byte, error) {
	if s.batch == nil {
		s.batch = batches.Get().(*[]byte)
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := unix.Read(s.iter, *s.batch)
		switch {
		case n > 0:
			return (*s.batch)[:n], nil
		case err == nil:
			return nil, io.EOF
		case err == unix.EAGAIN || err == unix.EINTR:
			// A million objects without output, or a program that asks to be run
			// again on the same object: there is more to come.
		case err == unix.E2BIG:
			return nil, fmt.Errorf("%s: a record is larger than the kernel's buffer of %d bytes: %w", s.name, batchSize, err)
		default:
			return nil, fmt.Errorf("%s: read the iterator: %w", s.name, err)
		}
	}
}

// Close ends the run and gives back what it held.
func (s *Stream) Close() error {
	var err error
	s.close.Do(func() {
		err = unix.Close(s.iter)
		if e := unix.Close(s.link); err == nil {
			err = e
		}
		if s.batch != nil {
			batches.Put(s.batch)
			s.batch = nil
		}
	})
	return err
}
