// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// Values that are larger than what an iterator gives are looked up.
func TestLargeValues(t *testing.T) {
	m := newMount(t)
	const size = 40_000 // beyond the kernel's buffer of 32 KiB
	value := func(i int) []byte {
		b := bytes.Repeat([]byte{byte(i)}, size)
		b[0], b[size-1] = 0xaa, 0xbb
		return b
	}
	hash := newMap(t, &ebpf.MapSpec{Name: "large_hash", Type: ebpf.Hash, KeySize: 4, ValueSize: size, MaxEntries: 20})
	array := newMap(t, &ebpf.MapSpec{Name: "large_array", Type: ebpf.Array, KeySize: 4, ValueSize: size, MaxEntries: 20})
	for i := range 20 {
		put(t, hash, uint32(i), value(i))
		put(t, array, uint32(i), value(i))
	}
	for _, large := range []*ebpf.Map{hash, array} {
		_, objects := m.elements(t, large)
		seen := map[string]bool{}
		for _, o := range objects {
			text := o["value"].(string)
			seen[text[2:4]] = true
			if len(text) != 2*size || !strings.HasPrefix(text, "aa") || !strings.HasSuffix(text, "bb") || strings.Count(text, text[2:4]) < size-2 {
				t.Errorf("%v: a value of %d digits: %.20s...", large, len(text), text)
			}
		}
		if len(objects) != 20 || len(seen) != 20 {
			t.Errorf("%v: %d elements, %d different ones", large, len(objects), len(seen))
		}
	}
	// Each CPU's value fits, all of an element do not.
	perCPU := uint32(32<<10/ebpf.MustPossibleCPU()+8) &^ 7
	spread := newMap(t, &ebpf.MapSpec{Name: "spread", Type: ebpf.PerCPUHash, KeySize: 4, ValueSize: perCPU, MaxEntries: 4})
	values := make([][]byte, ebpf.MustPossibleCPU())
	for cpu := range values {
		values[cpu] = bytes.Repeat([]byte{byte(cpu + 1)}, int(perCPU))
	}
	put(t, spread, uint32(7), values)
	rows, objects := m.elements(t, spread)
	if len(rows) != len(values) || len(objects) != 1 || len(objects[0]["values"].([]any)) != len(values) {
		t.Errorf("%d rows, %d objects of one element on %d CPUs", len(rows), len(objects), len(values))
	}
	for cpu, row := range rows {
		if want := fmt.Sprintf("07000000 %d %s", cpu, strings.Repeat(fmt.Sprintf("%02x", cpu+1), int(perCPU))); row != want {
			t.Errorf("a row is %.60s..., not %.60s...", row, want)
		}
	}
}

// A map of many elements is read with little memory, whether an iterator gives
// them or bpf(2).
func TestManyElements(t *testing.T) {
	n := uint32(1_000_000)
	if os.Getenv("ITERFS_VM") != "" {
		n = 50_000
	}
	m := newMount(t)
	array := newMap(t, &ebpf.MapSpec{Name: "many", Type: ebpf.Array, KeySize: 4, ValueSize: 16, MaxEntries: n, Key: u32Type})
	trie := newMap(t, &ebpf.MapSpec{Name: "many", Type: ebpf.LPMTrie, KeySize: 8, ValueSize: 4, MaxEntries: n / 10, Flags: noPrealloc})
	fill(t, array, n)
	for i := range n / 10 {
		put(t, trie, bytesOf(uint32(32), i), i)
	}
	m.read(t, "maps/"+mapID(t, newMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 16, MaxEntries: 1}))+"/elements")
	before := m.rss(t)
	for _, many := range []struct {
		of   *ebpf.Map
		rows int
	}{{array, int(n)}, {trie, int(n / 10)}} {
		f, err := os.Open(m.path("maps/" + mapID(t, many.of) + "/elements"))
		if err != nil {
			t.Fatal(err)
		}
		rows, last := 0, ""
		for lines := bufio.NewScanner(f); lines.Scan(); rows++ {
			last = lines.Text()
		}
		f.Close()
		if rows != many.rows+1 {
			t.Errorf("%v: %d lines of %d elements", many.of, rows, many.rows)
		}
		if many.of == array && strings.Fields(last)[0] != strconv.Itoa(int(n-1)) {
			t.Errorf("the last row is %q", last)
		}
	}
	if grown := m.rss(t) - before; grown > 8<<10 {
		t.Errorf("the daemon has grown by %d KB from %d", grown, before)
	}
}

// While elements change, each row is whole, and those that stay are there: but for
// one or two where the kernel's buffer was full, since its iterator goes on in a
// bucket by counting.
func TestElementsThatChange(t *testing.T) {
	need.Iterator(t, "bpf_map_elem")
	m := newMount(t)
	const stay, change = 3000, 1000
	value := func(key uint32) uint64 { return uint64(key)<<32 | uint64(^key) }
	// Without preallocation the kernel frees an element only once nobody reads it.
	hash := newMap(t, &ebpf.MapSpec{Name: "changing", Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 8192, Flags: noPrealloc, Key: u32Type, Value: u64Type})
	for key := range uint32(stay) {
		put(t, hash, key, value(key))
	}
	var stop atomic.Bool
	var changing sync.WaitGroup
	changing.Go(func() {
		for i := uint32(0); !stop.Load(); i++ {
			key := stay + i%change
			if hash.Put(key, value(key)) == nil && i%3 > 0 {
				hash.Delete(key)
			}
		}
	})
	defer changing.Wait()
	defer stop.Store(true)
	for range 20 {
		seen := map[uint32]int{}
		for line := range strings.Lines(m.read(t, "maps/"+mapID(t, hash)+"/elements.json")) {
			var e struct {
				Key   uint32
				Value uint64
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil || e.Value != value(e.Key) {
				t.Fatalf("a torn row: %v, %s", err, line)
			}
			seen[e.Key]++
		}
		missing := 0
		for key := range uint32(stay) {
			if seen[key] == 0 {
				missing++
			}
		}
		if missing > 4 {
			t.Errorf("%d elements that stay are missing", missing)
		}
	}
}

// While maps come and go, those that stay are in the table once each.
func TestMapsThatComeAndGo(t *testing.T) {
	m := newMount(t)
	stay := map[string]bool{}
	for range 200 {
		stay[mapID(t, newMap(t, &ebpf.MapSpec{Name: "stays", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}))] = true
	}
	var stop atomic.Bool
	var changing sync.WaitGroup
	changing.Go(func() {
		for !stop.Load() {
			var held []*ebpf.Map
			for range 20 {
				one, err := ebpf.NewMap(&ebpf.MapSpec{Name: "goes", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
				if err != nil {
					t.Error(err)
					return
				}
				held = append(held, one)
			}
			for _, one := range held {
				one.Close()
			}
		}
	})
	defer changing.Wait()
	defer stop.Store(true)
	for range 20 {
		seen := map[string]int{}
		for _, row := range table(t, m.read(t, "maps/table")) {
			seen[row["ID"]]++
		}
		for id := range stay {
			if seen[id] != 1 {
				t.Fatalf("the map %s, which stays, has %d rows", id, seen[id])
			}
		}
	}
}

// A map that goes while its elements are read stays until they are; opened later
// it is gone.
func TestGoneMap(t *testing.T) {
	m := newMount(t)
	for _, kind := range []ebpf.MapSpec{
		{Name: "goes", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 10_000},
		{Name: "goes", Type: ebpf.Array, KeySize: 4, ValueSize: 40_000, MaxEntries: 10},
	} {
		held := newMap(t, &kind)
		dir := m.path("maps/" + mapID(t, held))
		f, err := os.Open(dir + "/elements")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		held.Close()
		rest, err := io.ReadAll(f)
		f.Close()
		if rows := bytes.Count(rest, []byte("\n")); err != nil || rows < int(kind.MaxEntries)-10 {
			t.Errorf("a map that goes while it is read: %d rows, %v", rows, err)
		}
		gone := func() bool {
			_, err := os.ReadFile(dir + "/elements")
			return errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT)
		}
		eventually(t, gone, "the elements of a map that nobody holds can still be read")
	}
}
