// SPDX-License-Identifier: Apache-2.0

package unixsock

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// A table is a kernel's: how many sockets are in each bucket. As a bpf.System it
// runs an iterator over them, with records of 64 bytes, that loses sockets as the
// kernel's does.
type table struct {
	sockets [buckets]int
	old     bool // loses none, and does not tell where reads begin
	runs    int
	open    int
}

const recordSize = 64

func (*table) Exists(context.Context, string, bpf.Key) (bool, error) { return true, nil }
func (*table) CountRows(int)                                         {}
func (*table) Call(*bpf.Target, string, []byte) error                { return nil }

func (k *table) Run(_ *bpf.Target, _ string, p bpf.Params) (bpf.Records, error) {
	var wanted set
	if _, err := binary.Decode(p.Args, binary.NativeEndian, &wanted); err != nil {
		return nil, err
	}
	k.runs++
	k.open++
	return &run{table: k, wanted: wanted}, nil
}

type run struct {
	table  *table
	wanted set
	bucket int
}

// Next is a read: where it is full, the rest of the bucket is lost.
func (r *run) Next(context.Context) (batch []byte, err error) {
	for ; r.bucket < buckets; r.bucket++ {
		for i := 0; r.wanted.has(r.bucket) && i < r.table.sockets[r.bucket]; i++ {
			if len(batch)+recordSize > readSize && !r.table.old {
				r.bucket++
				return batch, nil
			}
			record := make([]byte, recordSize)
			binary.NativeEndian.PutUint32(record, uint32(r.bucket))
			binary.NativeEndian.PutUint32(record[4:], uint32(i))
			if len(batch) == 0 && !r.table.old {
				record[8] = 1
			}
			batch = append(batch, record...)
		}
	}
	if len(batch) == 0 {
		return nil, io.EOF
	}
	return batch, nil
}

func (r *run) Close() error { r.table.open--; return nil }

func decodeTest(record []byte) (place, int, error) {
	return place{int(binary.NativeEndian.Uint32(record)), record[8] == 1}, recordSize, nil
}

// readAll returns the records as bucket.number.
func readAll(t *testing.T, k *table) (got []string, err error) {
	t.Helper()
	ns, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	r := bpf.Request{System: k, Params: bpf.Params{NetNS: ns}}
	records, err := runWhole(r, &Target, "", decodeTest)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := records.Close(); err != nil || k.open != 0 {
			t.Errorf("%d runs are left open, %v", k.open, err)
		}
	}()
	for {
		batch, err := records.Next(context.Background())
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		for ; len(batch) > 0; batch = batch[recordSize:] {
			got = append(got, fmt.Sprint(binary.NativeEndian.Uint32(batch), ".", binary.NativeEndian.Uint32(batch[4:])))
		}
	}
}

func TestWhole(t *testing.T) {
	const full = readSize / recordSize
	for name, test := range map[string]struct {
		sockets map[int]int
		most    int // runs
	}{
		"nothing":                     {nil, 1},
		"a few":                       {map[int]int{3: 2, 500: 1}, 1},
		"one read, nearly full":       {map[int]int{0: full - 10}, 1},
		"a bucket that is cut":        {map[int]int{0: full - 10, 7: 20, 8: 5}, 2},
		"cut before a bucket":         {map[int]int{0: full / 2, 1: full / 2, 4: 9, 5: 1}, 2},
		"cut at the end of the table": {map[int]int{100: full - 10, 511: 30}, 2},
		"nothing behind the cut":      {map[int]int{100: full - 10, 200: 30}, 2},
		"large buckets":               {map[int]int{1: 400, 2: 400, 3: 400, 4: 400, 5: 400, 6: 400, 7: 400}, 4},
		"all buckets": {func() map[int]int {
			m := map[int]int{}
			for b := range buckets {
				m[b] = 5 + b%7
			}
			return m
		}(), 3},
	} {
		k := &table{}
		var want []string
		for b := range buckets {
			k.sockets[b] = test.sockets[b]
			for i := range k.sockets[b] {
				want = append(want, fmt.Sprint(b, ".", i))
			}
		}
		got, err := readAll(t, k)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %d records of %d, %v", name, len(got), len(want), err)
		}
		if k.runs > test.most {
			t.Errorf("%s: %d runs", name, k.runs)
		}
	}
}

// Before Linux 5.18 all is one bucket, and none is lost.
func TestWholeOfOldKernels(t *testing.T) {
	k := &table{old: true}
	k.sockets[0] = 5 * readSize / recordSize
	if got, err := readAll(t, k); err != nil || len(got) != k.sockets[0] || k.runs != 1 {
		t.Errorf("%d records in %d runs, %v", len(got), k.runs, err)
	}
}

func TestBucketLargerThanARead(t *testing.T) {
	k := &table{}
	k.sockets[9] = readSize/recordSize + 1
	if got, err := readAll(t, k); !errors.Is(err, unix.EOVERFLOW) || len(got) > 0 {
		t.Errorf("%d records, %v", len(got), err)
	}
}
