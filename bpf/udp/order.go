// SPDX-License-Identifier: Apache-2.0

package udp

import (
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/sock"
)

// ordered gives records in the order in which procfs has the sockets. It holds
// all, for it cannot know which comes first: some 300 bytes for each socket of the
// family in the namespace.
type ordered struct {
	bpf.Records
	all []byte
	end bool
}

func (o *ordered) Next(ctx context.Context) ([]byte, error) {
	if o.end {
		return nil, io.EOF
	}
	for {
		batch, err := o.Records.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		o.all = append(o.all, batch...)
	}
	o.end = true
	return order(o.all)
}

// An entry is a record of the table, and its bytes.
type entry struct {
	*udpUdpRecord
	raw []byte
}

// order sorts records by bucket, and within each as its list has them.
func order(batch []byte) ([]byte, error) {
	var table []entry
	decode := sock.DecodePrinted(bpf.Fixed[udpUdpRecord])
	for rest := batch; len(rest) > 0; {
		r, n, err := decode(rest)
		if err != nil {
			return nil, err
		}
		table = append(table, entry{r.Record, rest[:n]})
		rest = rest[n:]
	}
	slices.SortStableFunc(table, func(a, b entry) int { return cmp.Compare(a.Bucket, b.Bucket) })
	inOrder := make([]byte, 0, len(batch))
	for len(table) > 0 {
		end := slices.IndexFunc(table, func(e entry) bool { return e.Bucket != table[0].Bucket })
		if end < 0 {
			end = len(table)
		}
		for _, e := range list(table[:end]) {
			inOrder = append(inOrder, e.raw...)
		}
		table = table[end:]
	}
	return inOrder, nil
}

// list follows the list of a bucket. Kernels before 6.5 give the sockets in this
// order and tell no places. Where sockets came and went meanwhile it may be in
// pieces, or have one twice.
func list(bucket []entry) []entry {
	if len(bucket) == 1 || bucket[0].Self == 0 {
		return bucket
	}
	at, first := map[uint64]entry{}, map[uint64]bool{}
	for _, e := range bucket {
		at[e.Self], first[e.Self] = e, true
	}
	for _, e := range bucket {
		delete(first, e.Next)
	}
	listed := make([]entry, 0, len(bucket))
	follow := func(place uint64) {
		for e, ok := at[place]; ok; e, ok = at[e.Next] {
			delete(at, e.Self)
			listed = append(listed, e)
		}
	}
	for _, e := range bucket {
		if first[e.Self] {
			follow(e.Self)
		}
	}
	for _, e := range bucket { // what is left runs in circles
		follow(e.Self)
	}
	return listed
}
