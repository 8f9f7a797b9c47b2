// SPDX-License-Identifier: Apache-2.0

package tests

import (
	enc "encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// bytesOf packs values as C does, without padding.
func bytesOf(values ...any) (b []byte) {
	for _, v := range values {
		if s, ok := v.(string); ok {
			b = append(b, s...)
			continue
		}
		var err error
		if b, err = enc.Append(b, enc.NativeEndian, v); err != nil {
			panic(err)
		}
	}
	return b
}

func put(t testing.TB, m *ebpf.Map, key, value any) {
	t.Helper()
	if err := m.Put(key, value); err != nil {
		t.Fatal(err)
	}
}

// elements reads those of a map, as rows without their header and as objects.
func (m *mount) elements(t testing.TB, of *ebpf.Map) (rows []string, objects []map[string]any) {
	t.Helper()
	path := "maps/" + mapID(t, of) + "/elements"
	lines := strings.Split(strings.TrimSuffix(m.read(t, path), "\n"), "\n")
	for _, line := range lines[1:] {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	for line := range strings.Lines(m.read(t, path+".json")) {
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		var o map[string]any
		if err := d.Decode(&o); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		objects = append(objects, o)
	}
	slices.Sort(rows)
	return rows, objects
}

var (
	charType = &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	u16Type  = &btf.Int{Name: "u16", Size: 2}
	u32Type  = &btf.Int{Name: "u32", Size: 4}
	s32Type  = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	u64Type  = &btf.Int{Name: "u64", Size: 8}
	colors   = &btf.Enum{Name: "color", Size: 4, Values: []btf.EnumValue{{Name: "RED", Value: 0}, {Name: "GREEN", Value: 1}}}

	flowType = &btf.Struct{Name: "flow", Size: 8, Members: []btf.Member{
		{Name: "addr", Type: &btf.Typedef{Name: "be32", Type: u32Type}},
		{Name: "port", Type: u16Type, Offset: 32},
		{Name: "proto", Type: &btf.Typedef{Name: "u8", Type: &btf.Int{Name: "unsigned char", Size: 1}}, Offset: 48},
		{Name: "up", Type: &btf.Int{Name: "_Bool", Size: 1, Encoding: btf.Bool}, Offset: 56},
	}}
	statsType = &btf.Struct{Name: "stats", Size: 56, Members: []btf.Member{
		{Name: "packets", Type: u64Type},
		{Name: "delta", Type: s32Type, Offset: 64},
		{Name: "color", Type: colors, Offset: 96},
		{Name: "name", Type: &btf.Array{Index: u32Type, Type: charType, Nelems: 16}, Offset: 128},
		{Name: "history", Type: &btf.Array{Index: u32Type, Type: u16Type, Nelems: 3}, Offset: 256},
		{Name: "one", Type: u16Type, Offset: 304, BitfieldSize: 1},
		{Name: "seven", Type: u16Type, Offset: 305, BitfieldSize: 7},
		{Name: "next", Type: &btf.Pointer{Target: u32Type}, Offset: 320},
		{Name: "id", Type: &btf.Union{Name: "id", Size: 8, Members: []btf.Member{
			{Name: "word", Type: u64Type}, {Name: "flow", Type: flowType},
		}}, Offset: 384},
	}}
)

func statsOf(packets uint64, name string) []byte {
	return bytesOf(packets, int32(-7), uint32(1), fmt.Sprintf("%-16s", name+"\x00"), []uint16{1, 2, 3}, uint16(1|5<<1), uint64(0x1234), uint32(1), uint16(2), uint8(3), uint8(1))
}

const statsText = `{packets=%d,delta=-7,color=GREEN,name="%s",history=[1,2,3],one=1,seven=5,next=0x1234,id={word=72341268206125057,flow={addr=1,port=2,proto=3,up=true}}}`

// typed is a map whose keys and values have types.
func typed(t testing.TB, kind ebpf.MapType, key btf.Type, keySize uint32, value btf.Type, valueSize uint32) *ebpf.Map {
	t.Helper()
	return newMap(t, &ebpf.MapSpec{Name: "typed", Type: kind, KeySize: keySize, ValueSize: valueSize, MaxEntries: 8, Key: key, Value: value})
}

func TestElementsByBTF(t *testing.T) {
	m := newMount(t)
	byFlow := typed(t, ebpf.Hash, flowType, 8, statsType, 56)
	put(t, byFlow, bytesOf(uint32(1), uint16(2), uint8(3), uint8(1)), statsOf(1<<63, "two words"))
	rows, objects := m.elements(t, byFlow)
	want := `{addr=1,port=2,proto=3,up=true} ` + fmt.Sprintf(statsText, uint64(1<<63), `two\040words`)
	want = strings.ReplaceAll(want, "72341268206125057", strconv.FormatUint(enc.NativeEndian.Uint64(bytesOf(uint32(1), uint16(2), uint8(3), uint8(1))), 10))
	if len(rows) != 1 || rows[0] != want {
		t.Errorf("rows are %q, want %s", rows, want)
	}
	key, _ := objects[0]["key"].(map[string]any)
	value, _ := objects[0]["value"].(map[string]any)
	if key["up"] != true || value["name"] != "two words" || value["packets"] != json.Number("9223372036854775808") || value["color"] != "GREEN" {
		t.Errorf("objects are %v", objects)
	}
}

// A map is compared with what bpftool dumps of it.
func TestElementsAgreeWithBpftool(t *testing.T) {
	need.Tool(t, "bpftool", "bpftool")
	m := newMount(t)
	untyped := newMap(t, &ebpf.MapSpec{Name: "untyped", Type: ebpf.Hash, KeySize: 3, ValueSize: 5, MaxEntries: 100})
	hash := typed(t, ebpf.Hash, flowType, 8, statsType, 56)
	lru := typed(t, ebpf.LRUHash, u64Type, 8, u32Type, 4)
	array := typed(t, ebpf.Array, u32Type, 4, statsType, 56)
	perCPUHash := typed(t, ebpf.PerCPUHash, flowType, 8, u32Type, 4)
	perCPUArray := typed(t, ebpf.PerCPUArray, u32Type, 4, flowType, 8)
	cpus := ebpf.MustPossibleCPU()
	for i := range uint32(5) {
		put(t, untyped, []byte{byte(i), 255, 0}, []byte{1, byte(i), 3, 4, 5})
		put(t, hash, bytesOf(i, uint16(2), uint8(3), uint8(0)), statsOf(uint64(i), "n"+strconv.Itoa(int(i))))
		put(t, lru, uint64(i)<<40, i)
		put(t, array, i, statsOf(uint64(i), ""))
		var counts []uint32
		var flows [][]byte
		for cpu := range uint32(cpus) {
			counts = append(counts, 100*i+cpu)
			flows = append(flows, bytesOf(cpu, uint16(i), uint8(3), uint8(1)))
		}
		put(t, perCPUHash, bytesOf(i, uint16(2), uint8(3), uint8(0)), counts)
		put(t, perCPUArray, i, flows)
	}
	for _, dumped := range []*ebpf.Map{untyped, hash, lru, array, perCPUHash, perCPUArray} {
		id := mapID(t, dumped)
		var dump []map[string]any
		bpftool(t, &dump, "map", "dump", "id", id)
		want := map[string]any{}
		for _, e := range dump {
			if formatted, ok := e["formatted"].(map[string]any); ok {
				e = formatted
			} else {
				e["key"], e["value"] = digitsOf(e["key"]), digitsOf(e["value"])
			}
			want[jsonText(t, simple(e["key"]))] = simple(e)
		}
		got := map[string]any{}
		for line := range strings.Lines(m.read(t, "maps/"+id+"/elements.json")) {
			var e map[string]any
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			got[jsonText(t, simple(e["key"]))] = simple(e)
		}
		if len(want) < 5 || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: elements are\n%v, in bpftool\n%v", dumped, jsonText(t, got), jsonText(t, want))
		}
	}
}

// digitsOf makes one string of bpftool's list of bytes.
func digitsOf(v any) string {
	digits := ""
	for _, b := range v.([]any) {
		digits += strings.TrimPrefix(b.(string), "0x")
	}
	return digits
}

// simple makes numbers of bitfields, which are strings in bpftool.
func simple(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = simple(v[key])
		}
	case []any:
		for i := range v {
			v[i] = simple(v[i])
		}
	case string:
		if n, err := strconv.ParseUint(v, 0, 64); err == nil && strings.HasPrefix(v, "0x") {
			return float64(n)
		}
	}
	return v
}

// Neither what programs nor what user space may not do with a map keeps it from
// being read; global variables are shown by name.
func TestElementsOfRestrictedMaps(t *testing.T) {
	m := newMount(t)
	variables := &btf.Datasec{Name: ".rodata", Size: 8, Vars: []btf.VarSecinfo{
		{Type: &btf.Var{Name: "limit", Type: u32Type, Linkage: btf.GlobalVar}, Size: 4},
		{Type: &btf.Var{Name: "color", Type: colors, Linkage: btf.GlobalVar}, Offset: 4, Size: 4},
	}}
	frozen := newMap(t, &ebpf.MapSpec{Name: ".rodata", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: unix.BPF_F_RDONLY_PROG,
		Key: &btf.Void{}, Value: variables, Contents: []ebpf.MapKV{{Key: uint32(0), Value: bytesOf(uint32(7), uint32(1))}}}) // and frozen with them
	hash := newMap(t, &ebpf.MapSpec{Name: "write_only", Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 2, Flags: unix.BPF_F_WRONLY})
	put(t, hash, uint32(1), uint64(2))
	trie := newMap(t, &ebpf.MapSpec{Name: "write_only", Type: ebpf.LPMTrie, KeySize: 8, ValueSize: 8, MaxEntries: 2, Flags: unix.BPF_F_WRONLY | noPrealloc})
	put(t, trie, uint64(1), uint64(2))
	for restricted, want := range map[*ebpf.Map]string{
		frozen: "0 {limit=7,color=GREEN}", hash: "01000000 0200000000000000", trie: "0100000000000000 0200000000000000",
	} {
		if rows, _ := m.elements(t, restricted); len(rows) != 1 || rows[0] != want {
			t.Errorf("%v: rows are %q, not %s", restricted, rows, want)
		}
	}
}
