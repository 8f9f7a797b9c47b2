// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"context"
	"io"
	"math"
	"os"
	"slices"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// ranges is the records of all buffers, the newest first. Kernels before 6.19
// (234483565dbb, "bpf: Fix truncated dmabuf iterator reads") end a run with the
// first buffer of the kernel that is full, and do not tell. So a run that may
// have been cut is made again for fewer buffers: their inode numbers are given
// once and in order, and a range of them is the same buffers at any time.
type ranges struct {
	run   func(first, last uint64) (bpf.Records, error)
	room  int    // what a run gives beyond may have been cut, bytes
	last  uint64 // the newest that did not come yet
	done  bool
	batch []byte
}

func newRanges(r bpf.Request) *ranges {
	return &ranges{
		run: func(first, last uint64) (bpf.Records, error) {
			args := &dmabufRunArgs{First: first, Last: last}
			r.Params.Args = unsafe.Slice((*byte)(unsafe.Pointer(args)), unsafe.Sizeof(*args))
			return r.Run(r.Target, r.File.Program, r.Params)
		},
		room: os.Getpagesize()<<3 - int(unsafe.Sizeof(record{})) - 1,
		last: math.MaxUint64,
	}
}

// Next returns the records of the newest buffers that did not come yet, as many
// as one run holds.
func (r *ranges) Next(ctx context.Context) ([]byte, error) {
	for !r.done {
		first := uint64(0)
		if err := r.read(ctx, first); err != nil {
			return nil, err
		}
		for len(r.batch) > r.room {
			var err error
			if first, err = middle(r.batch); err != nil {
				return nil, err
			}
			if err := r.read(ctx, first); err != nil {
				return nil, err
			}
		}
		r.last, r.done = first-1, first == 0
		if len(r.batch) > 0 {
			return r.batch, nil
		}
	}
	return nil, io.EOF
}

// read runs the iterator for the buffers from first on and keeps what it gives.
func (r *ranges) read(ctx context.Context, first uint64) error {
	records, err := r.run(first, r.last)
	if err != nil {
		return err
	}
	defer records.Close()
	batch, err := records.Next(ctx)
	r.batch = append(r.batch[:0], batch...)
	if err == io.EOF {
		return nil
	}
	return err
}

// middle returns the inode number that half of the buffers have or a higher one.
func middle(batch []byte) (uint64, error) {
	var inos []uint64
	for len(batch) > 0 {
		b, n, err := source.Decode(batch)
		if err != nil {
			return 0, err
		}
		inos = append(inos, b.Ino)
		batch = batch[n:]
	}
	slices.Sort(inos)
	return inos[len(inos)/2], nil
}

func (r *ranges) Close() error { return nil }
