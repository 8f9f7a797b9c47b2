// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"os/exec"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// fullHash is a hash of n elements with values of 16 bytes.
func fullHash(t testing.TB, n uint32, key, value btf.Type) *ebpf.Map {
	t.Helper()
	m := newMap(t, &ebpf.MapSpec{Name: "full", Type: ebpf.Hash, KeySize: 4, ValueSize: 16, MaxEntries: n, Key: key, Value: value})
	fill(t, m, n)
	return m
}

// fill makes n elements, of which the value begins with the key.
func fill(t testing.TB, m *ebpf.Map, n uint32) {
	t.Helper()
	const at = 1 << 14
	keys, values := make([]uint32, 0, at), make([][2]uint64, 0, at)
	for i := range n {
		keys, values = append(keys, i), append(values, [2]uint64{uint64(i), uint64(i) << 20})
		if len(keys) < at && i < n-1 {
			continue
		}
		if _, err := m.BatchUpdate(keys, values, nil); err != nil {
			t.Fatal(err)
		}
		keys, values = keys[:0], values[:0]
	}
}

// BenchmarkElements reads a hash of 1,000,000 elements: through the mount, by Go
// in batches with nothing made of them, and as bpftool dumps it.
func BenchmarkElements(b *testing.B) {
	pair := &btf.Struct{Name: "pair", Size: 16, Members: []btf.Member{{Name: "packets", Type: u64Type}, {Name: "bytes", Type: u64Type, Offset: 64}}}
	for _, bench := range []struct {
		name       string
		key, value btf.Type
	}{{"bytes", nil, nil}, {"struct", u32Type, pair}} {
		b.Run(bench.name, func(b *testing.B) {
			m := newMount(b)
			full := fullHash(b, 1_000_000, bench.key, bench.value)
			path := m.path("maps/" + mapID(b, full) + "/elements")
			buf := make([]byte, 128<<10)
			names := []string{"iterfs", "json", "batches"}
			runs := []func(){
				func() { readThrough(b, path, buf) },
				func() { readThrough(b, path+".json", buf) },
				func() { lookUpBatches(b, full) },
			}
			if bpftool, err := exec.LookPath("bpftool"); err == nil {
				names = append(names, "bpftool")
				runs = append(runs, func() {
					if err := exec.Command(bpftool, "map", "dump", "id", mapID(b, full)).Run(); err != nil {
						b.Fatal(err)
					}
				})
			}
			readThrough(b, path, buf) // loads the program
			rounds(b, m, names, runs...)
		})
	}
}

func lookUpBatches(b *testing.B, m *ebpf.Map) {
	const at = 1 << 14
	keys, values := make([]uint32, at), make([][2]uint64, at)
	var cursor ebpf.MapBatchCursor
	for {
		_, err := m.BatchLookup(&cursor, keys, values, nil)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
