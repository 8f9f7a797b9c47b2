// SPDX-License-Identifier: Apache-2.0

// Package bpflink is iter/bpf_link: the BPF links of the machine, which are what
// attaches programs.
package bpflink

import (
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
	bpfprog "github.com/iterfs/iterfs/bpf/bpf_prog"
)

// Target has links/table and the directories links/<id>.
var Target = bpf.Target{
	Name:    "bpf_link",
	Since:   "5.19",
	Object:  loadBpfLink,
	Records: map[string]uintptr{"link_record": unsafe.Sizeof(bpfLinkLinkRecord{})},
	Files: []bpf.File{
		links.File("links/table", "link_records", "one row per BPF link; the reader's own is the iterator's"),
		info.InfoFile("links/<id>/info", "link_records", "what the table tells and more, a line each"),
	},
	Objects: []bpf.Objects{{
		Path: "links/<id>", Doc: "one directory per BPF link", Program: "link_records", Decode: source.Objects(nil),
	}},
}

type record = *bpfLinkLinkRecord

// Link ids are given in a cycle of 2^31, as those of maps.
var source = bpf.Source[record]{
	Decode: bpf.Fixed[bpfLinkLinkRecord],
	Key:    func(r record) bpf.Key { return bpf.Key{ID: r.Id} },
}

type column = bpf.Column[record]

func number(name string, width int, source, doc string, value func(r record) int64) column {
	return column{Name: name, Width: width, Source: source, Doc: doc, Number: bpf.Always(value)}
}

// detail is a number that the link itself is asked for; it is missing where it is
// 0, which it is in links of other types.
func detail(name, source, doc string, value func(d *details) uint64) column {
	return column{Name: name, Source: source, Doc: doc, Number: func(r record) (n int64, ok bool) {
		err := ask(r, func(d *details) { n = int64(value(d)) })
		return n, err == nil && n != 0
	}}
}

var (
	columns = []column{
		number("ID", 6, "id", "number of the link", func(r record) int64 { return int64(r.Id) }),
		{Name: "TYPE", Width: 14, Source: "type", Doc: "as bpftool names it", Text: func(dst []byte, r record) ([]byte, bool) {
			return Types.Append(dst, r.Type), true
		}},
		{Name: "PROG_ID", Width: 7, Source: "prog->aux->id", Doc: "program that it attaches; - of a struct_ops, whose map has several", Number: func(r record) (int64, bool) {
			return int64(r.ProgId), r.ProgId != 0
		}},
		{Name: "TARGET", Source: "struct bpf_link_info", Text: appendTarget,
			Doc: "what it is attached to, KIND:NAME and KEY=VALUE separated by commas, where KIND is an attach type or what perf events are; - where this kernel does not tell (of a perf_event before Linux 6.6)"},
	}
	links = bpf.Table[record]{Source: source, Columns: columns}
	info  = bpf.Table[record]{Source: source, Columns: append(columns[:len(columns):len(columns)],
		column{Name: "PROG_TYPE", Source: "prog->type", Doc: "type of the program, as bpftool names it", Text: func(dst []byte, r record) ([]byte, bool) {
			return bpfprog.Types.Append(dst, r.ProgType), r.ProgId != 0
		}},
		column{Name: "ATTACH_TYPE", Source: "attach_type", Doc: "of a tracing, cgroup, netns, tcx, netkit or sockmap link, as bpftool names it", Text: func(dst []byte, r record) (text []byte, ok bool) {
			err := ask(r, func(d *details) {
				text, ok = dst, d.attachType >= 0
				if ok {
					text = bpfprog.AttachTypes.Append(dst, uint32(d.attachType))
				}
			})
			return text, ok && err == nil
		}},
		detail("TARGET_OBJ_ID", "tracing.target_obj_id", "BTF object, or program, whose function it is attached to", func(d *details) uint64 { return uint64(d.targetObj) }),
		detail("TARGET_BTF_ID", "tracing.target_btf_id", "type of that function there", func(d *details) uint64 { return uint64(d.targetBTF) }),
		detail("CGROUP_ID", "cgroup.cgroup_id, iter.cgroup.cgroup_id", "cgroup that it is attached to, or iterates from", func(d *details) uint64 { return d.cgroup }),
		detail("NETNS", "netns.netns_ino", "inode number of the network namespace", func(d *details) uint64 { return uint64(d.netns) }),
		detail("IFINDEX", "xdp, tcx, netkit: ifindex", "network device; - once it has gone", func(d *details) uint64 { return uint64(d.ifindex) }),
		detail("MAP_ID", "iter, struct_ops, sockmap: map_id", "map that it iterates over, or is of", func(d *details) uint64 { return uint64(d.mapID) }),
		detail("TID", "iter.task.tid", "the one task that it visits", func(d *details) uint64 { return uint64(d.tid) }),
		detail("PID", "iter.task.pid, uprobe_multi.pid", "the one process that it visits, or probes", func(d *details) uint64 { return uint64(d.pid) }),
		detail("COUNT", "count", "functions, or places of the file, that a multi link probes", func(d *details) uint64 { return uint64(d.count) }),
		detail("MISSED", "missed", "times that a kprobe was not run because one was running", func(d *details) uint64 { return d.missed }),
		detail("FLAGS", "flags", "flags of a netfilter or multi link", func(d *details) uint64 { return uint64(d.flags) }),
		detail("COOKIE", "cookie", "number that the program gets at each run", func(d *details) uint64 { return d.cookie }),
		number("REFS", 0, "refcnt", "references of file descriptors and pins; who reads at the same time has one", func(r record) int64 { return r.Refs }),
	)}
)
