// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"errors"
	"io"
)

const (
	// stageSize is the room that content is made in which goes out in pieces.
	stageSize = 8 << 10
	// directSize is how much room a reader must offer to have content made there.
	directSize = 16 << 10
)

// A Reader is an open file. It follows seq_file's rules (fs/seq_file.c): reads
// that follow one another go on, a read at any other offset starts the content
// afresh and skips to it, and a rewind thereby gives fresh data. It holds little
// more than stageSize. It is safe for concurrent use; reads take turns.
type Reader struct {
	open   func(ctx context.Context) (Stream, error)
	opened *Opened       // nil for nothing that is kept
	turn   chan struct{} // a mutex that a reader can give up waiting for

	stream Stream // nil when ended
	pos    int64  // the offset behind what was given out
	stage  []byte
	ahead  []byte // of stage, what was not given out yet
	end    error  // why the stream has ended: io.EOF or an error
}

func newReader(ctx context.Context, open func(ctx context.Context) (Stream, error)) (*Reader, error) {
	stream, err := open(ctx)
	if err != nil {
		return nil, err
	}
	return &Reader{open: open, turn: make(chan struct{}, 1), stream: stream}, nil
}

// ReadAt fills p from offset off on, or as much of it as there is. It returns
// less than p holds only at the end, before an error, or when ctx ends; and
// io.EOF, the error or that of ctx when it has nothing.
func (r *Reader) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if off != r.pos {
		if err := r.restart(ctx, off); err != nil {
			return 0, err
		}
	}
	n := 0
	for n < len(p) {
		k, err := r.next(ctx, p[n:])
		n += k
		r.pos += int64(k)
		if err != nil && n == 0 {
			return 0, err
		}
		if err != nil {
			break // it comes again with the next read
		}
	}
	return n, nil
}

// restart begins again at 0 and skips to off, or to the end before it.
func (r *Reader) restart(ctx context.Context, off int64) error {
	r.closeStream()
	r.pos, r.ahead, r.end = 0, nil, nil
	stream, err := r.open(ctx)
	if err != nil {
		r.end = err
		return err
	}
	r.stream = stream
	for r.pos < off {
		err := r.fill(ctx)
		if err == io.EOF {
			r.pos = off
			return nil
		}
		if err != nil {
			return err
		}
		k := min(int64(len(r.ahead)), off-r.pos)
		r.ahead = r.ahead[k:]
		r.pos += k
	}
	return nil
}

// next gives out what was made ahead, or makes more: in p itself where it has
// the room, which spares a copy of all but the rows at p's end.
func (r *Reader) next(ctx context.Context, p []byte) (int, error) {
	if len(r.ahead) > 0 || len(p) < directSize {
		err := r.fill(ctx)
		k := copy(p, r.ahead)
		r.ahead = r.ahead[k:]
		return k, err
	}
	made, err := r.make(ctx, p[:0:len(p)])
	if len(made) > len(p) { // a row that p had no room for: it grew elsewhere
		r.ahead = made[copy(p, made):]
		return len(p), err
	}
	return copy(p, made), err // onto itself
}

// fill makes content ahead, unless there is some.
func (r *Reader) fill(ctx context.Context) error {
	if len(r.ahead) > 0 {
		return nil
	}
	if r.stage == nil {
		r.stage = make([]byte, 0, stageSize)
	}
	var err error
	r.ahead, err = r.make(ctx, r.stage)
	return err
}

// make asks the stream for content. Once it has ended, it stays so until a
// restart, and what it held is not kept for a descriptor that lingers.
func (r *Reader) make(ctx context.Context, dst []byte) ([]byte, error) {
	if r.end != nil {
		return dst, r.end
	}
	dst, err := r.stream.Append(ctx, dst)
	var passing Passing
	if err != nil && ctx.Err() == nil && !errors.As(err, &passing) {
		r.end = err
		r.closeStream()
	}
	return dst, err
}

// Passing is an error of a Stream that is of one read alone: that of a reader who may
// not read what others may.
type Passing struct{ Err error }

func (p Passing) Error() string { return p.Err.Error() }

// Unwrap returns the error.
func (p Passing) Unwrap() error { return p.Err }

func (r *Reader) closeStream() {
	if r.stream != nil {
		r.stream.Close()
		r.stream = nil
	}
}

// Close ends the stream. A read under way ends first.
func (r *Reader) Close() {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	r.closeStream()
	r.opened.close()
}

// text is a Stream of content that is there as a whole.
type text struct{ rest []byte }

// Text makes a Stream of a small content that was made at once.
func Text(content []byte) Stream { return &text{rest: content} }

func (t *text) Append(_ context.Context, dst []byte) ([]byte, error) {
	if len(t.rest) == 0 {
		return dst, io.EOF
	}
	dst = append(dst, t.rest...)
	t.rest = nil
	return dst, nil
}

func (t *text) Close() error { return nil }
