// SPDX-License-Identifier: Apache-2.0

// Package dmabuf is iter/dmabuf: the buffers that devices and processes share.
package dmabuf

import (
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// Target has kernel/dmabufs.
var Target = bpf.Target{
	Name:   "dmabuf",
	Since:  "6.16",
	Object: loadDmabuf,
	Records: map[string]uintptr{
		"run_args":      unsafe.Sizeof(dmabufRunArgs{}),
		"buffer_record": unsafe.Sizeof(record{}),
	},
	Files: []bpf.File{buffers()},
}

func buffers() bpf.File {
	f := table.File("kernel/dmabufs", "buffer_records", "one row per DMA buffer")
	f.Mode = 0o400 // as bufinfo of debugfs
	f.Open = func(r bpf.Request, form bpf.Form) (bpf.Content, error) {
		return r.Content(newRanges(r), r.File.As(form)), nil
	}
	return f
}

type record = dmabufBufferRecord

var source = bpf.Source[*record]{
	Decode: bpf.Fixed[record],
	Key:    func(*record) bpf.Key { return bpf.Key{} }, // no file asks for a single one
}

func number(name string, width int, unit, source, doc string, value func(r *record) int64) bpf.Column[*record] {
	return bpf.Column[*record]{Name: name, Width: width, Unit: unit, Source: source, Doc: doc, Number: bpf.Always(value)}
}

func words(name string, width int, source, doc string, value func(r *record) []int8) bpf.Column[*record] {
	return bpf.Column[*record]{Name: name, Width: width, Source: source, Doc: doc, Text: func(dst []byte, r *record) ([]byte, bool) {
		text := bpf.Chars(value(r))
		return append(dst, text...), len(text) > 0
	}}
}

var table = bpf.Table[*record]{Source: source, Columns: []bpf.Column[*record]{
	number("INO", 7, "", "file->f_inode->i_ino", "inode number, never used again; that of the descriptors of the buffer", func(r *record) int64 { return int64(r.Ino) }),
	number("SIZE_B", 12, "bytes", "size", "size", func(r *record) int64 { return int64(r.Size) }),
	number("REFS", 5, "", "file->f_ref", "references of descriptors, mappings and drivers", func(r *record) int64 { return r.Refs }),
	{Name: "ATTACHED", Width: 8, Source: "attachments", Doc: "devices that are attached; - when they come and go too fast to be counted", Number: func(r *record) (int64, bool) {
		return r.Attached, r.Attached >= 0
	}},
	words("EXPORTER", 16, "exp_name", "who made it", func(r *record) []int8 { return r.Exporter[:] }),
	words("NAME", 0, "name", "name given by DMA_BUF_SET_NAME", func(r *record) []int8 { return r.Name[:] }),
}}
