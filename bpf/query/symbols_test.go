// SPDX-License-Identifier: Apache-2.0

package query

import (
	"encoding/binary"
	"testing"
)

func TestFunctions(t *testing.T) {
	table := []symbol{{0x1000, "first"}, {0x1000, "alias"}, {0x2000, "second"}}
	for address, want := range map[uint64]string{
		0xfff: "hidden", 0x1000: "first", 0x1fff: "first", 0x2000: "second", 1 << 60: "second",
	} {
		if got := string(appendFunction(nil, table, address)); got != want {
			t.Errorf("%#x is in %s, want %s", address, got, want)
		}
	}
	if got := string(appendFunction(nil, nil, 0x1000)); got != "hidden" {
		t.Errorf("without symbols an address is %s", got)
	}
}

// Two places in one function are one group.
func TestMergeFunctions(t *testing.T) {
	k := newKernel(t)
	q := compile(t, k, Text{Target: "task", Fields: "task:wchan", Count: true})
	c := q.layout.columns()[0]
	group := func(address, count uint64) []byte {
		r := make([]byte, q.layout.size+totals)
		binary.LittleEndian.PutUint64(r[c.at:], address)
		binary.LittleEndian.PutUint64(r[q.layout.size:], count)
		return r
	}
	rows := q.mergeFunctions([][]byte{group(0x1001, 2), group(0x2001, 3), group(0x1002, 5)}, []symbol{{0x1000, "first"}, {0x2000, "second"}})
	if len(rows) != 2 {
		t.Fatalf("%d groups", len(rows))
	}
	for i, want := range []uint64{7, 3} {
		if got := binary.LittleEndian.Uint64(rows[i][q.layout.size:]); got != want {
			t.Errorf("group %d has %d, want %d", i, got, want)
		}
	}
}
