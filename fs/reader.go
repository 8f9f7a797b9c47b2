// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"io"
)

// A Reader is an open file. It follows seq_file's rules (fs/seq_file.c): reads
// that follow one another go on, a read at any other offset starts the content
// afresh and skips to it, and a rewind thereby gives fresh data. It holds at most
// what one Append makes. It is safe for concurrent use; reads take turns.
type Reader struct {
	open func(ctx context.Context) (Stream, error)
	turn chan struct{} // a mutex that a reader can give up waiting for

	stream Stream // nil when ended, or not begun
	pos    int64  // the offset behind what was given out
	ahead  []byte // made and not yet given out
	buf    []byte // what ahead is part of
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
		if len(r.ahead) == 0 {
			if err := r.fill(ctx); err != nil {
				if n == 0 {
					return 0, err
				}
				break
			}
		}
		k := copy(p[n:], r.ahead)
		r.ahead = r.ahead[k:]
		r.pos += int64(k)
		n += k
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
		if len(r.ahead) == 0 {
			if err := r.fill(ctx); err == io.EOF {
				r.pos = off
				return nil
			} else if err != nil {
				return err
			}
		}
		k := min(int64(len(r.ahead)), off-r.pos)
		r.ahead = r.ahead[k:]
		r.pos += k
	}
	return nil
}

// fill makes more content. Once ended, a stream stays so until a restart.
func (r *Reader) fill(ctx context.Context) error {
	if r.end != nil {
		return r.end
	}
	for len(r.ahead) == 0 {
		var err error
		r.buf, err = r.stream.Append(ctx, r.buf[:0])
		r.ahead = r.buf
		if err != nil && ctx.Err() == nil {
			r.end = err
			r.closeStream() // what the stream held is not kept for a lingering fd
		}
		if err != nil && len(r.ahead) == 0 {
			return err
		}
	}
	return nil
}

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
