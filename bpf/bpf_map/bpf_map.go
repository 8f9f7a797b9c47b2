// SPDX-License-Identifier: Apache-2.0

// Package bpfmap is iter/bpf_map: the BPF maps of the machine.
package bpfmap

import (
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// Target has maps/table and the directories maps/<id>.
var Target = bpf.Target{
	Name:    "bpf_map",
	Since:   "5.8",
	Object:  loadBpfMap,
	Records: map[string]uintptr{"map_record": unsafe.Sizeof(bpfMapMapRecord{})},
	Files: []bpf.File{
		maps.File("maps/table", "map_records", "one row per BPF map"),
		info.InfoFile("maps/<id>/info", "map_records", "what the table tells and more, a line each"),
	},
	Objects: []bpf.Objects{{
		Path: "maps/<id>", Doc: "one directory per BPF map", Program: "map_records", Decode: source.Objects(nil),
	}},
}

type record = *bpfMapMapRecord

// Map ids are given in a cycle of 2^31; a map needs no birth beside its id.
var source = bpf.Source[record]{
	Decode: bpf.Fixed[bpfMapMapRecord],
	Key:    func(r record) bpf.Key { return bpf.Key{ID: r.Id} },
}

func number(name string, width int, unit, source, doc string, value func(r record) int64) bpf.Column[record] {
	return bpf.Column[record]{Name: name, Width: width, Unit: unit, Source: source, Doc: doc, Number: bpf.Always(value)}
}

var (
	columns = []bpf.Column[record]{
		number("ID", 6, "", "id", "number of the map", func(r record) int64 { return int64(r.Id) }),
		{Name: "TYPE", Width: 16, Source: "map_type", Doc: "as bpftool names it", Text: func(dst []byte, r record) ([]byte, bool) {
			return Types.Append(dst, r.Type), true
		}},
		{Name: "NAME", Width: 16, Source: "name", Doc: "name given at creation", Text: func(dst []byte, r record) ([]byte, bool) {
			name := bpf.Chars(r.Name[:])
			return append(dst, name...), len(name) > 0
		}},
		number("KEY_SIZE", 8, "bytes", "key_size", "size of a key", func(r record) int64 { return int64(r.KeySize) }),
		number("VALUE_SIZE", 10, "bytes", "value_size", "size of a value", func(r record) int64 { return int64(r.ValueSize) }),
		number("MAX_ENTRIES", 11, "", "max_entries", "entries it has room for", func(r record) int64 { return int64(r.MaxEntries) }),
		{Name: "ENTRIES", Width: 8, Source: "bpf_map_sum_elem_count()", Doc: "entries it holds, where the kernel counts them (hash types, since 6.6) or all exist (arrays)", Number: entries},
		number("FLAGS", 7, "", "map_flags", "BPF_F_ flags given at creation", func(r record) int64 { return int64(r.Flags) }),
		number("REFS", 5, "", "refcnt", "references of programs, file descriptors and pins; who reads MEM_KB at the same time has one", func(r record) int64 { return r.Refs }),
		{Name: "MEM_KB", Width: 8, Unit: "KiB", Source: "memlock of the map's fdinfo", Doc: "memory as the kernel accounts it", Number: memory},
	}
	maps = bpf.Table[record]{Source: source, Columns: columns}
	info = bpf.Table[record]{Source: source, Columns: append(columns[:len(columns):len(columns)],
		bpf.Column[record]{Name: "BTF_ID", Source: "btf->id", Doc: "BTF object of its keys and values", Number: func(r record) (int64, bool) {
			return int64(r.BtfId), r.BtfId != 0
		}},
		number("FROZEN", 0, "", "frozen", "1 when user space can no longer write to it", func(r record) int64 { return int64(r.Frozen) }),
	)}
)
