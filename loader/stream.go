// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

// maxAgain is how often a read in a row can end with neither output nor the end,
// before the reader is told. For a program that returns 1 for ever it is some
// tenths of a second, for one that finds nothing to tell 2^38 objects.
const maxAgain = 1 << 18

// batchSize is the kernel's own buffer, PAGE_SIZE << 3: a read of that size
// returns whole records, all that the buffer holds.
var batchSize = os.Getpagesize() << 3

var (
	batches = sync.Pool{New: func() any { return newBuffer(batchSize) }}
	chunks  = sync.Pool{New: func() any { return newBuffer(batchSize * batchesPerChunk) }}
)

func newBuffer(size int) *[]byte {
	b := make([]byte, size)
	return &b
}

// A Stream is one run of an iterator. It is for one goroutine at a time, and
// whoever opened it closes it.
type Stream struct {
	link, iter int
	name       string
	arguments  arguments
	root       *native.RootDir // where paths begin
	reader     bpf.Identify    // to be asked at each read; or nil
	collected  *ebpf.Map

	batch *[]byte // what Next reads into, until it reads ahead
	full  bool    // the last batch was so full that more is to come
	ended error   // what came instead of records

	ahead   chan chunk
	chunk   chunk // what Next returned last
	stop    context.CancelFunc
	stopped chan struct{}
}

// Collected is the map that the run's program fills, valid until Close.
func (s *Stream) Collected() *ebpf.Map { return s.collected }

func (s *Stream) closeMaps() {
	s.arguments.close()
	if s.collected != nil {
		s.collected.Close()
	}
}

// Next returns the next whole records, valid until the next call, and io.EOF
// behind the last. When ctx ends first the call can be made again, and nothing
// is lost.
func (s *Stream) Next(ctx context.Context) ([]byte, error) {
	if s.ended != nil {
		return nil, s.ended
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.ahead == nil && s.full {
		s.startReadAhead()
	}
	if s.ahead == nil {
		return s.nextBatch(ctx)
	}
	return s.nextChunk(ctx)
}

// nextBatch reads on the spot: most runs are over with one batch.
func (s *Stream) nextBatch(ctx context.Context) ([]byte, error) {
	if s.batch == nil {
		s.batch = batches.Get().(*[]byte)
	}
	n, err := s.read(ctx, *s.batch, 1)
	s.full = n > batchSize/2
	if err != nil && ctx.Err() == nil {
		s.ended = err
	}
	return (*s.batch)[:n], err
}

// read reads that many batches. Records that came before an error are returned
// beside it.
func (s *Stream) read(ctx context.Context, buf []byte, want int) (n int, err error) {
	if s.reader != nil {
		if err := s.arguments.again(ctx, s.reader); err != nil {
			return 0, err
		}
	}
	err = s.root.During(func() error {
		return s.arguments.during(func() error {
			for range want {
				k, err := s.readBatch(ctx, buf[n:n+batchSize])
				n += k
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	return n, err
}

// readBatch reads one batch. Between two reads of the kernel it heeds ctx; a read
// itself is short, since the kernel bounds it by its buffer and by a million
// objects.
func (s *Stream) readBatch(ctx context.Context, buf []byte) (int, error) {
	for again := 0; ; again++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := unix.Read(s.iter, buf)
		switch {
		case n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err == unix.EAGAIN && again < maxAgain || err == unix.EINTR:
			// A million objects without output, or a program that asks to be run
			// again on the same object: there is more to come.
		case err == unix.EAGAIN:
			// Not EAGAIN itself: of a file it makes some readers wait for ever.
			return 0, fmt.Errorf("%s: the program asks for ever to be run on the same object again: %w", s.name, unix.EDEADLK)
		case err == unix.E2BIG:
			return 0, fmt.Errorf("%s: a record is larger than the kernel's buffer of %d bytes: %w", s.name, batchSize, err)
		default:
			return 0, fmt.Errorf("%s: read the iterator: %w", s.name, err)
		}
	}
}

// Close ends the run and gives back what it held.
func (s *Stream) Close() error {
	if s.ahead != nil {
		s.stop()
		<-s.stopped // after the read that is under way
		aheads.Add(-1)
		s.chunk.recycle()
		s.chunk = chunk{}
	}
	if s.batch != nil {
		batches.Put(s.batch)
		s.batch = nil
	}
	s.closeMaps()
	s.ended = os.ErrClosed
	err := unix.Close(s.iter)
	if s.link >= 0 {
		err = errors.Join(err, unix.Close(s.link))
	}
	return err
}
