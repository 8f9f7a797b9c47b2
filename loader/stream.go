// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// With read-ahead the kernel iterates on one CPU while another renders. Chunks of
// many batches keep the two from waking each other all the time; what waits is
// bounded by queued chunks, one being filled and one being read: 1 MiB.
const (
	batchesPerChunk = 8
	queuedChunks    = 2
)

// maxAhead is how many runs read ahead at a time: whoever keeps files open half read
// costs no more than their batches beyond it. The rest read on the spot.
const maxAhead = 64

// aheads counts the runs that do.
var aheads atomic.Int32

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
	reader     bpf.Identify // to be asked at each read; or nil
	collected  *ebpf.Map

	batch *[]byte // what Next reads into, until it reads ahead
	full  bool    // the last batch was so full that more is to come
	ended error   // what came instead of records

	ahead   chan chunk
	chunk   chunk // what Next returned last
	stop    context.CancelFunc
	stopped chan struct{}
}

// chunk is whole records, or what ended the run.
type chunk struct {
	buf *[]byte
	n   int
	err error
}

// Run loads the program if need be and attaches it with the parameters.
func (l *Loader) Run(t *bpf.Target, program string, p bpf.Params) (*Stream, error) {
	if p.TID != 0 || p.PID != 0 {
		ok, err := l.taskByTID()
		if err != nil {
			return nil, err
		}
		if !ok {
			p.TID, p.PID = 0, 0
		}
	}
	s := &Stream{name: t.Name + "/" + program}
	identity, err := l.identify(t, program, &p)
	if err == nil {
		err = l.attach(s, t, program, &p, identity)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return s, nil
}

// identify finds out who reads, where the program asks for it. That takes a run of
// another program.
func (l *Loader) identify(t *bpf.Target, program string, p *bpf.Params) (*bpf.Identity, error) {
	l.mu.Lock()
	asks, err := l.asks(t, program)
	l.mu.Unlock()
	switch {
	case err != nil || !asks:
		return nil, err
	case p.Reader == nil:
		return nil, errors.New("the program asks who reads, and is not told")
	}
	return p.Reader(context.Background())
}

// asks reports whether a program asks who reads. l.mu is held.
func (l *Loader) asks(t *bpf.Target, program string) (asks bool, err error) {
	key := programKey{target: t, name: program}
	asks, known := l.asking[key]
	if known || t.Transient {
		return asks, nil
	}
	spec, err := l.spec(t)
	if err != nil || spec.Programs[program] == nil {
		return false, err
	}
	for i := range spec.Programs[program].Instructions {
		asks = asks || spec.Programs[program].Instructions[i].Reference() == "readers"
	}
	l.asking[key] = asks
	return asks, nil
}

// attach gives a stream its link and iterator.
func (l *Loader) attach(s *Stream, t *bpf.Target, program string, p *bpf.Params, reader *bpf.Identity) (err error) {
	// As long as the link is not made, an unused variant may be unloaded.
	l.mu.Lock()
	defer l.mu.Unlock()
	free := reader != nil && !p.EachRead && reader.Unrestricted()
	c, err := l.program(t, program, p.Consts, free)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.closeMaps()
		}
	}()
	if free {
		reader = nil // the program does not ask
	}
	if s.arguments, err = newArguments(c, p.Args, reader); err != nil {
		return err
	}
	if reader != nil && p.EachRead {
		s.reader = p.Reader
	}
	if p.Collect != "" {
		if s.collected, err = mapOf(c, p.Collect); err != nil {
			return err
		}
	}
	return inNetNS(p.NetNS, func() (err error) {
		s.link, s.iter, err = attach(c.Programs[program].FD(), p)
		return err
	})
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

func (s *Stream) nextChunk(ctx context.Context) ([]byte, error) {
	s.chunk.recycle()
	s.chunk = chunk{}
	select {
	case s.chunk = <-s.ahead:
		s.ended = s.chunk.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.ended != nil {
		return nil, s.ended
	}
	return (*s.chunk.buf)[:s.chunk.n], nil
}

// startReadAhead does so unless too many runs do.
func (s *Stream) startReadAhead() {
	if aheads.Add(1) > maxAhead {
		aheads.Add(-1)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	s.ahead, s.stop, s.stopped = make(chan chunk, queuedChunks), stop, make(chan struct{})
	send := func(c chunk) bool {
		select {
		case s.ahead <- c:
			return true
		case <-ctx.Done():
			c.recycle()
			return false
		}
	}
	go func() {
		defer close(s.stopped)
		// Chunks grow, so that a reader's first rows need not wait for many.
		for want := 1; ; want = min(want*2, batchesPerChunk) {
			c := chunk{buf: chunks.Get().(*[]byte)}
			var err error
			c.n, err = s.read(ctx, *c.buf, want)
			if !send(c) {
				return
			}
			if err != nil {
				send(chunk{err: err})
				return
			}
		}
	}()
}

// read reads that many batches. Records that came before an error are returned
// beside it.
func (s *Stream) read(ctx context.Context, buf []byte, want int) (n int, err error) {
	if s.reader != nil {
		if err := s.arguments.again(ctx, s.reader); err != nil {
			return 0, err
		}
	}
	err = s.arguments.during(func() error {
		for range want {
			k, err := s.readBatch(ctx, buf[n:n+batchSize])
			n += k
			if err != nil {
				return err
			}
		}
		return nil
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

func (c chunk) recycle() {
	if c.buf != nil {
		chunks.Put(c.buf)
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
