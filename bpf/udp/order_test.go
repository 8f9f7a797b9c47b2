// SPDX-License-Identifier: Apache-2.0

package udp

import (
	"testing"
	"unsafe"

	"github.com/iterfs/iterfs/bpf/sock"

	"github.com/iterfs/iterfs/bpf"
)

func TestOrder(t *testing.T) {
	type socket struct {
		ino          uint64
		bucket       uint32
		place, after uint64
	}
	for _, test := range []struct {
		name    string
		sockets []socket
		want    []uint64
	}{
		{"none", nil, nil},
		{"by bucket", []socket{{1, 9, 10, 0}, {2, 3, 20, 0}, {3, 5, 30, 0}}, []uint64{2, 3, 1}},
		{"a list", []socket{{1, 4, 10, 0}, {2, 4, 20, 30}, {3, 4, 30, 10}, {4, 1, 40, 0}}, []uint64{4, 2, 3, 1}},
		{"in order, without places", []socket{{1, 4, 0, 0}, {2, 4, 0, 0}, {3, 2, 0, 0}}, []uint64{3, 1, 2}},
		{"pieces", []socket{{1, 4, 10, 99}, {2, 4, 20, 30}, {3, 4, 30, 77}}, []uint64{1, 2, 3}},
		{"one twice", []socket{{1, 4, 10, 20}, {2, 4, 20, 0}, {1, 4, 10, 20}}, []uint64{1, 2}},
		{"two before one", []socket{{1, 4, 10, 30}, {2, 4, 20, 30}, {3, 4, 30, 0}}, []uint64{1, 3, 2}},
		{"a circle", []socket{{1, 4, 10, 20}, {2, 4, 20, 10}, {3, 4, 30, 0}}, []uint64{3, 1, 2}},
	} {
		var batch []byte
		for _, s := range test.sockets {
			r := udpUdpRecord{Ino: s.ino, Bucket: s.bucket, Self: s.place, Next: s.after}
			batch = append(batch, unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r))...)
			batch = append(batch, "0000000000000000"...)
		}
		sorted, err := order(batch)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		decode := sock.DecodePrinted(bpf.Fixed[udpUdpRecord])
		var got []uint64
		for len(sorted) > 0 {
			r, n, err := decode(sorted)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Record.Ino)
			sorted = sorted[n:]
		}
		if len(got) != len(test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
			continue
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%s: %v, want %v", test.name, got, test.want)
				break
			}
		}
	}
	if _, err := order(make([]byte, 20)); err == nil {
		t.Error("a torn record is no error")
	}
}
