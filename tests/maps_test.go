// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/iterfs/iterfs/tests/need"
)

// newMap makes a map that the test holds.
func newMap(t testing.TB, spec *ebpf.MapSpec) *ebpf.Map {
	t.Helper()
	m, err := ebpf.NewMap(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func mapID(t testing.TB, m *ebpf.Map) string {
	t.Helper()
	info, err := m.Info()
	if err != nil {
		t.Fatal(err)
	}
	id, ok := info.ID()
	if !ok {
		t.Fatal("the map has no id")
	}
	return strconv.Itoa(int(id))
}

func someMaps(t testing.TB) {
	t.Helper()
	hash := newMap(t, &ebpf.MapSpec{Name: "some_hash", Type: ebpf.Hash, KeySize: 4, ValueSize: 24, MaxEntries: 1000})
	for i := range uint32(17) {
		if err := hash.Put(i, make([]byte, 24)); err != nil {
			t.Fatal(err)
		}
	}
	newMap(t, &ebpf.MapSpec{Name: "some_array", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 7})
	newMap(t, &ebpf.MapSpec{Name: "noprealloc", Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 5, Flags: 1})
	newMap(t, &ebpf.MapSpec{Name: "percpu", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 3})
	newMap(t, &ebpf.MapSpec{Name: "lru", Type: ebpf.LRUHash, KeySize: 4, ValueSize: 8, MaxEntries: 64})
	newMap(t, &ebpf.MapSpec{Name: "trie", Type: ebpf.LPMTrie, KeySize: 8, ValueSize: 8, MaxEntries: 64, Flags: 1})
	newMap(t, &ebpf.MapSpec{Name: "queue", Type: ebpf.Queue, ValueSize: 8, MaxEntries: 4})
	newMap(t, &ebpf.MapSpec{Name: "ring", Type: ebpf.RingBuf, MaxEntries: 4096})
	newMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}) // has no name
	frozen := newMap(t, &ebpf.MapSpec{Name: "frozen", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err := frozen.Freeze(); err != nil {
		t.Fatal(err)
	}
}

// bpftool decodes what bpftool prints as JSON.
func bpftool(t testing.TB, into any, args ...string) {
	t.Helper()
	out, err := exec.Command(need.Tool(t, "bpftool", "bpftool"), append([]string{"-j"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
}

func TestMapsAgreeWithBpftool(t *testing.T) {
	need.Tool(t, "bpftool", "bpftool")
	m := newMount(t)
	m.read(t, "maps/table")
	someMaps(t)
	var maps []struct {
		ID         int    `json:"id"`
		Type       string `json:"type"`
		Name       string `json:"name"`
		Flags      int    `json:"flags"`
		Key        int    `json:"bytes_key"`
		Value      int    `json:"bytes_value"`
		MaxEntries int    `json:"max_entries"`
		Memlock    int    `json:"bytes_memlock"`
		Frozen     int    `json:"frozen"`
	}
	bpftool(t, &maps, "map")
	rows := map[string]map[string]string{}
	for _, row := range table(t, m.read(t, "maps/table")) {
		rows[row["ID"]] = row
	}
	found := 0
	for _, want := range maps {
		row := rows[strconv.Itoa(want.ID)]
		if row == nil {
			if strings.HasPrefix(want.Name, "libbpf_") || want.Name == "pid_iter.rodata" {
				continue // bpftool's own, gone by now
			}
			t.Errorf("map %d (%s) of bpftool is missing", want.ID, want.Name)
			continue
		}
		found++
		name := want.Name
		if name == "" {
			name = "-"
		}
		for column, value := range map[string]string{
			"TYPE": want.Type, "NAME": name, "FLAGS": strconv.Itoa(want.Flags),
			"KEY_SIZE": strconv.Itoa(want.Key), "VALUE_SIZE": strconv.Itoa(want.Value),
			"MAX_ENTRIES": strconv.Itoa(want.MaxEntries), "MEM_KB": strconv.Itoa((want.Memlock + 1023) / 1024),
		} {
			if row[column] != value {
				t.Errorf("map %d (%s): %s is %s, in bpftool %s", want.ID, want.Name, column, row[column], value)
			}
		}
		if info := m.read(t, "maps/"+row["ID"]+"/info"); !strings.Contains(info, "\nfrozen:\t"+strconv.Itoa(want.Frozen)+"\n") {
			t.Errorf("map %d: frozen is not %d in %q", want.ID, want.Frozen, info)
		}
	}
	if found < 10 {
		t.Errorf("only %d maps of bpftool found", found)
	}
}

func TestMapsTable(t *testing.T) {
	m := newMount(t)
	someMaps(t)
	m.read(t, "maps/table")
	entries := map[string]string{"some_hash": "17", "some_array": "7", "percpu": "3", "ring": "-"}
	refs := 0
	for _, row := range table(t, m.read(t, "maps/table")) {
		if want, ok := entries[row["NAME"]]; ok && row["ENTRIES"] != want {
			// The kernel counts the entries of hashes since 6.6.
			if row["NAME"] != "some_hash" || row["ENTRIES"] != "-" || kernelHas(t, "bpf_map_sum_elem_count") {
				t.Errorf("%s holds %s entries, not %s", row["NAME"], row["ENTRIES"], want)
			}
		}
		if row["NAME"] == "some_hash" {
			refs, _ = strconv.Atoi(row["REFS"])
		}
	}
	if refs != 1 {
		t.Errorf("a map that one descriptor holds has %d references", refs)
	}
}

func TestMapDirectories(t *testing.T) {
	m := newMount(t)
	held := newMap(t, &ebpf.MapSpec{Name: "in_a_dir", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 2})
	id := mapID(t, held)
	if info := m.read(t, "maps/"+id+"/info"); !strings.HasPrefix(info, "id:\t"+id+"\ntype:\tarray\nname:\tin_a_dir\n") {
		t.Errorf("info is %q", info)
	}
	var info map[string]any
	if err := json.Unmarshal([]byte(m.read(t, "maps/"+id+"/info.json")), &info); err != nil || info["name"] != "in_a_dir" {
		t.Errorf("info.json is %v, %v", info, err)
	}
	if names := list(t, m.path("maps")); !slices.Contains(names, id) {
		t.Errorf("%s is not listed in %q", id, names)
	}
	held.Close()
	gone := func() bool { return !slices.Contains(list(t, m.path("maps")), id) }
	eventually(t, gone, "a map that nobody holds is still listed")
}
