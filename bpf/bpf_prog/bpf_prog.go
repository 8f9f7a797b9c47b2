// SPDX-License-Identifier: Apache-2.0

// Package bpfprog is iter/bpf_prog: the BPF programs of the machine.
package bpfprog

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// Target has progs/table and the directories progs/<id>.
var Target = bpf.Target{
	Name:    "bpf_prog",
	Since:   "5.9",
	Object:  loadBpfProg,
	Records: map[string]uintptr{"prog_record": unsafe.Sizeof(bpfProgProgRecord{})},
	Files: []bpf.File{
		forReader(progs, bpf.Table[row].Text, progs.File("progs/table", "prog_records", "one row per BPF program")),
		forReader(info, bpf.Table[row].Info, info.InfoFile("progs/<id>/info", "prog_records", "what the table tells and more, a line each")),
	},
	Objects: []bpf.Objects{{
		Path: "progs/<id>", Doc: "one directory per BPF program", Program: "prog_records", Decode: source.Objects(nil),
	}},
}

// A row is a record and the ids of the program's maps, which follow it.
type row struct {
	*bpfProgProgRecord
	maps []uint32
}

// Program ids are given in a cycle of 2^31, as those of maps.
var source = bpf.Source[row]{
	Decode: decode,
	Key:    func(r row) bpf.Key { return bpf.Key{ID: r.Id} },
}

func decode(batch []byte) (row, int, error) {
	rec, n, err := bpf.Fixed[bpfProgProgRecord](batch)
	if err != nil {
		return row{}, 0, err
	}
	ids := int(rec.Maps+rec.Maps%2) * 4
	if len(batch)-n < ids {
		return row{}, 0, fmt.Errorf("torn record: %d bytes of the %d of a program's map ids", len(batch)-n, ids)
	}
	maps := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(batch[n:]))), rec.Maps)
	return row{rec, maps}, n + ids, nil
}

// forReader makes a file of a table have the reader's numbers of users.
func forReader(t bpf.Table[row], text func(bpf.Table[row]) bpf.Format, f bpf.File) bpf.File {
	f.Open = func(r bpf.Request, form bpf.Form) (bpf.Content, error) {
		ids, err := r.Reader.IDs(context.Background())
		if err != nil {
			return nil, err
		}
		t := bpf.Table[row]{Columns: t.Columns, Source: t.Source.Changed(func(r row) { r.Uid = ids.UID(r.Uid) })}
		if form == bpf.JSON {
			return r.Render(f.Program, t.JSON())
		}
		return r.Render(f.Program, text(t))
	}
	return f
}
