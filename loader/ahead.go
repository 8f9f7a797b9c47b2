// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"context"
	"sync/atomic"
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

// chunk is whole records, or what ended the run.
type chunk struct {
	buf *[]byte
	n   int
	err error
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

func (c chunk) recycle() {
	if c.buf != nil {
		chunks.Put(c.buf)
	}
}
