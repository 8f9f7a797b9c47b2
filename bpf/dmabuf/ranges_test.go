// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

const size = int(unsafe.Sizeof(record{}))

// buffersOf is a kernel's list of buffers, by inode number; a run gives some.
type buffersOf struct {
	inos []uint64
	some int
}

func (k *buffersOf) run(first, last uint64) (bpf.Records, error) {
	r := &one{}
	for _, ino := range k.inos {
		if ino >= first && ino <= last && len(r.batch)/size < k.some {
			rec := record{Ino: ino}
			r.batch = append(r.batch, unsafe.Slice((*byte)(unsafe.Pointer(&rec)), size)...)
		}
	}
	return r, nil
}

type one struct{ batch []byte }

func (o *one) Next(context.Context) ([]byte, error) {
	if len(o.batch) == 0 {
		return nil, io.EOF
	}
	batch := o.batch
	o.batch = nil
	return batch, nil
}

func (o *one) Close() error { return nil }

// Each buffer that is there throughout comes once, however the list is ordered,
// while others come and go.
func TestRanges(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		k := &buffersOf{some: 2 + rng.IntN(9)}
		n := rng.IntN(200)
		for i := range n {
			k.inos = slices.Insert(k.inos, rng.IntN(min(len(k.inos), 3)+1), uint64(2*i))
		}
		stay := slices.Clone(k.inos)
		r := &ranges{run: k.run, room: (k.some - 1) * size, last: math.MaxUint64}
		var got []uint64
		for newest := uint64(2 * n); ; newest += 2 {
			batch, err := r.Next(context.Background())
			if err == io.EOF {
				break
			}
			for ; len(batch) > 0; batch = batch[size:] {
				rec, _, err := source.Decode(batch)
				if err != nil {
					t.Fatal(err)
				}
				if rec.Ino%2 == 0 && rec.Ino < uint64(2*n) {
					got = append(got, rec.Ino)
				}
			}
			k.inos = slices.DeleteFunc(k.inos, func(ino uint64) bool { return ino >= uint64(2*n) && rng.IntN(2) == 0 })
			k.inos = slices.Insert(k.inos, 0, newest)
		}
		slices.Sort(got)
		slices.Sort(stay)
		if !slices.Equal(got, stay) {
			t.Fatalf("seed %d: %d buffers of %d, or some twice", seed, len(got), len(stay))
		}
	}
}
