// SPDX-License-Identifier: Apache-2.0

// Package taskvma is iter/task_vma: the memory mappings of processes.
package taskvma

import (
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// Target has tasks/vmas, and of each process tasks/<pid>/vmas and tasks/<pid>/maps.
var Target = bpf.Target{
	Name:    "task_vma",
	Since:   "5.12",
	Object:  loadTaskVma,
	Records: map[string]uintptr{"vma_record": unsafe.Sizeof(taskVmaVmaRecord{}), "head": unsafe.Sizeof(taskVmaHead{}), "reader": unsafe.Sizeof(bpf.Identity{})},
	Files: []bpf.File{
		{Path: "tasks/vmas", PerRoot: true, Doc: "one row per memory mapping of each process", Columns: table.Docs(), Open: openTable, Twin: true},
		{Path: "tasks/<pid>/vmas", PerRoot: true, Doc: "one row per memory mapping of the process", Traced: bpf.Memory, Columns: table.Docs(), Open: openTable, Twin: true, MayBeEmpty: true},
		{Path: "tasks/<pid>/maps", PerRoot: true, Traced: bpf.Memory, Doc: "as /proc/<pid>/maps", Open: openMaps, MayBeEmpty: true},
	},
}

func text(name string, width int, source, doc string, appendTo func(dst []byte, m mapping) []byte) bpf.Column[mapping] {
	return bpf.Column[mapping]{Name: name, Width: width, Source: source, Doc: doc, Text: func(dst []byte, m mapping) ([]byte, bool) {
		return appendTo(dst, m), true
	}}
}

// table has all but a source, which is that of a sweep.
var table = bpf.Table[mapping]{Columns: []bpf.Column[mapping]{
	{Name: "PID", Width: 7, Source: "tgid", Doc: "process id", Number: bpf.Always(func(m mapping) int64 { return int64(m.Head.Tgid) })},
	text("START", 12, "vm_start", "first address, hexadecimal", func(dst []byte, m mapping) []byte { return bpf.AppendHex(dst, m.Start, 8) }),
	text("END", 12, "vm_end", "first address behind it, hexadecimal", func(dst []byte, m mapping) []byte { return bpf.AppendHex(dst, m.End, 8) }),
	text("PERMS", 5, "vm_flags", "r, w, x or -, then s of one that is shared or p of a private one", func(dst []byte, m mapping) []byte { return appendPerms(dst, m.Flags) }),
	text("OFFSET", 8, "vm_pgoff", "offset in the file, hexadecimal", func(dst []byte, m mapping) []byte { return bpf.AppendHex(dst, m.Offset*pageSize, 8) }),
	text("DEV", 6, "vm_file->f_inode->i_sb->s_dev", "device of the file's filesystem, major:minor in hexadecimal", func(dst []byte, m mapping) []byte { return bpf.AppendDevice(dst, m.file.dev) }),
	{Name: "INO", Width: 8, Source: "vm_file->f_inode->i_ino", Doc: "inode number of the file", Unsigned: true,
		Number: bpf.Always(func(m mapping) int64 { return int64(m.file.ino) })},
	{Name: "PATH", Source: "vm_file->f_path, vm_private_data->name, anon_name", Doc: "file or name as in /proc/<pid>/maps; - for none",
		Text: func(dst []byte, m mapping) ([]byte, bool) { return appendName(dst, m), m.Name != nameNone }},
}}

func openTable(r bpf.Request, form bpf.Form) (bpf.Content, error) {
	return open(r, func(source bpf.Source[mapping]) bpf.Format {
		t := table
		t.Source = source
		return t.As(form)
	})
}

func openMaps(r bpf.Request, _ bpf.Form) (bpf.Content, error) {
	return open(r, func(source bpf.Source[mapping]) bpf.Format { return source.Lines(appendLine) })
}

// open narrows to a process by PID: by TID the kernel begins again behind the end,
// with the mapping that the last read but one ended at, and so for ever.
func open(r bpf.Request, form func(bpf.Source[mapping]) bpf.Format) (bpf.Content, error) {
	r.Params.PID, r.Params.TID = r.Params.TID, 0
	return r.Render("vma_records", newSweep(form, r.Params.Root))
}
