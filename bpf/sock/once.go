// SPDX-License-Identifier: Apache-2.0

package sock

import (
	"context"

	"github.com/iterfs/iterfs/bpf"
)

// Once leaves out what a run gives again: an iterator over a table that the kernel
// enlarges meanwhile begins anew. It holds the inode of each socket. Decode tells
// the inode and size of the first record of a batch.
func Once(records bpf.Records, decode func(batch []byte) (ino uint64, n int, err error)) bpf.Records {
	return &once{Records: records, decode: decode, given: map[uint64]bool{}}
}

type once struct {
	bpf.Records
	decode func(batch []byte) (ino uint64, n int, err error)
	given  map[uint64]bool
	rest   []byte
}

func (o *once) Next(ctx context.Context) ([]byte, error) {
	for {
		if len(o.rest) == 0 {
			var err error
			if o.rest, err = o.Records.Next(ctx); err != nil {
				return nil, err
			}
		}
		fresh, err := o.fresh()
		if len(fresh) > 0 || err != nil {
			return fresh, err
		}
	}
}

// fresh takes from the rest the records up to one that was given before, and that
// one too.
func (o *once) fresh() ([]byte, error) {
	batch, end := o.rest, 0
	for len(o.rest) > 0 {
		ino, n, err := o.decode(o.rest)
		if err != nil {
			return nil, err
		}
		o.rest = o.rest[n:]
		if o.given[ino] {
			break
		}
		o.given[ino] = true
		end += n
	}
	return batch[:end], nil
}
