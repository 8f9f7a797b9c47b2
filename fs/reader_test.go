// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

// rows is a stream of numbered rows, some of them long; each Append makes a few.
type rows struct {
	generation int // differs between two streams of one file
	next, n    int
	fail       error // instead of io.EOF
	closed     *int
}

func (s *rows) Append(ctx context.Context, dst []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	for range 1 + s.next%5 {
		if s.next == s.n {
			if s.fail != nil {
				return dst, s.fail
			}
			return dst, io.EOF
		}
		dst = appendRow(dst, s.generation, s.next)
		s.next++
	}
	return dst, nil
}

func (s *rows) Close() error { *s.closed++; return nil }

func appendRow(dst []byte, generation, i int) []byte {
	dst = fmt.Appendf(dst, "%d:%d", generation, i)
	for range i % 977 * 40 % 30_000 { // up to a row that no buffer has room for
		dst = append(dst, '.')
	}
	return append(dst, '\n')
}

type file struct {
	opened, closed, rows int
	live                 bool // each opening has other content
	fail                 error
}

func (f *file) open(context.Context) (Stream, error) {
	f.opened++
	s := &rows{n: f.rows, fail: f.fail, closed: &f.closed}
	if f.live {
		s.generation = f.opened
	}
	return s, nil
}

func (f *file) content() (b []byte) {
	for i := range f.rows {
		b = appendRow(b, 0, i)
	}
	return b
}

func mustReader(t *testing.T, f *file) *Reader {
	t.Helper()
	r, err := newReader(context.Background(), f.open)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// readAll reads in pieces of a size, each where the last ended.
func readAll(t *testing.T, r *Reader, size int) (got []byte) {
	t.Helper()
	buf := make([]byte, size)
	for {
		n, err := r.ReadAt(context.Background(), buf, int64(len(got)))
		got = append(got, buf[:n]...)
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			t.Fatal("a read gave nothing and no reason")
		}
	}
}

func TestReadSizes(t *testing.T) {
	f := &file{rows: 700}
	want := f.content()
	for _, size := range []int{1, 100, 4096, 16 << 10, 100_000, 1 << 20, 1 << 26} {
		before := f.opened
		r := mustReader(t, f)
		if got := readAll(t, r, size); !bytes.Equal(got, want) {
			t.Errorf("reads of %d give %d bytes that differ from the %d of the content", size, len(got), len(want))
		}
		r.Close()
		if f.opened != before+1 {
			t.Errorf("reads of %d start the content %d times", size, f.opened-before)
		}
	}
	if f.opened != f.closed {
		t.Errorf("%d streams opened, %d closed", f.opened, f.closed)
	}
}

func TestReadAtAnyOffset(t *testing.T) {
	f := &file{rows: 300}
	want := f.content()
	r := mustReader(t, f)
	defer r.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		off, size := rng.IntN(len(want)+2000), 1+rng.IntN(40_000)
		buf := make([]byte, size)
		n, err := r.ReadAt(context.Background(), buf, int64(off))
		end := min(off+size, len(want))
		switch {
		case off >= len(want):
			if n != 0 || err != io.EOF {
				t.Fatalf("past the end: %d bytes, %v", n, err)
			}
		case err != nil || !bytes.Equal(buf[:n], want[off:end]):
			t.Fatalf("%d bytes at %d: %d bytes, %v, not the content's %d", size, off, n, err, end-off)
		}
	}
}

func TestRewindIsFresh(t *testing.T) {
	r := mustReader(t, &file{rows: 3, live: true})
	defer r.Close()
	first, second := readAll(t, r, 100), readAll(t, r, 100)
	if bytes.Equal(first, second) {
		t.Errorf("a rewind gives the old content %q", second)
	}
}

func TestEndStaysTheEnd(t *testing.T) {
	f := &file{rows: 3}
	r := mustReader(t, f)
	end := int64(len(readAll(t, r, 100)))
	if f.closed != 1 {
		t.Error("a stream that has ended is held until the file is closed")
	}
	for range 2 {
		if n, err := r.ReadAt(context.Background(), make([]byte, 10), end); n != 0 || err != io.EOF {
			t.Errorf("at the end: %d, %v", n, err)
		}
	}
	r.Close()
	if f.opened != 1 || f.closed != 1 {
		t.Errorf("opened %d times, closed %d times", f.opened, f.closed)
	}
}

// An error comes after all that came before it, and is never an end.
func TestErrorIsNotTheEnd(t *testing.T) {
	for _, size := range []int{7, 64 << 10, 1 << 20} {
		f := &file{rows: 100, fail: unix.EIO}
		r := mustReader(t, f)
		var got []byte
		buf := make([]byte, size)
		var err error
		for err == nil {
			var n int
			n, err = r.ReadAt(context.Background(), buf, int64(len(got)))
			got = append(got, buf[:n]...)
		}
		if !errors.Is(err, unix.EIO) || !bytes.Equal(got, f.content()) {
			t.Errorf("%d of %d bytes, then %v", len(got), len(f.content()), err)
		}
		if _, again := r.ReadAt(context.Background(), buf, int64(len(got))); !errors.Is(again, unix.EIO) {
			t.Errorf("read again: %v", again)
		}
		r.Close()
	}
}

func TestInterruptedReadLosesNothing(t *testing.T) {
	f := &file{rows: 200}
	r := mustReader(t, f)
	defer r.Close()
	interrupted, cancel := context.WithCancel(context.Background())
	cancel()
	var got []byte
	buf := make([]byte, 3000)
	for i := 0; ; i++ {
		ctx := context.Background()
		if i%2 == 0 {
			ctx = interrupted
		}
		n, err := r.ReadAt(ctx, buf, int64(len(got)))
		got = append(got, buf[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, f.content()) {
		t.Error("bytes were lost or repeated")
	}
	if f.opened != 1 {
		t.Errorf("the content was started %d times", f.opened)
	}
}
