// SPDX-License-Identifier: Apache-2.0

package bpflink

import (
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	bpfprog "github.com/iterfs/iterfs/bpf/bpf_prog"
)

const (
	progTypeExt = 28
	multiReturn = 1 // BPF_F_KPROBE_MULTI_RETURN, BPF_F_UPROBE_MULTI_RETURN
)

var (
	perfKinds = bpf.Names{"", "uprobe", "uretprobe", "kprobe", "kretprobe", "tracepoint", "event"}
	orders    = bpf.Names{"order_unspec", "self_only", "descendants_pre", "descendants_post", "ancestors_up", "children"}
)

// appendTarget tells, in one word, what a link is attached to.
func appendTarget(dst []byte, r record) (text []byte, ok bool) {
	start := len(dst)
	err := ask(r, func(d *details) { text = d.appendTarget(dst, r) })
	if err != nil || len(text) == start {
		return dst, false
	}
	return text, true
}

func (d *details) appendTarget(dst []byte, r record) []byte {
	w := words{dst: dst}
	switch r.Type {
	case unix.BPF_LINK_TYPE_RAW_TRACEPOINT:
		w.name(d.name)
	case unix.BPF_LINK_TYPE_TRACING:
		d.tracing(&w, r)
	case unix.BPF_LINK_TYPE_CGROUP:
		w.attachType(d)
		w.number("cgroup=", d.cgroup)
	case unix.BPF_LINK_TYPE_ITER:
		d.iterator(&w)
	case unix.BPF_LINK_TYPE_NETNS:
		w.attachType(d)
		w.number("netns=", uint64(d.netns))
	case unix.BPF_LINK_TYPE_XDP:
		w.number("ifindex=", uint64(d.ifindex))
	case unix.BPF_LINK_TYPE_TCX, typeNetkit:
		w.attachType(d)
		w.number("ifindex=", uint64(d.ifindex))
	case unix.BPF_LINK_TYPE_STRUCT_OPS:
		w.number("map=", uint64(d.mapID))
	case typeSockmap:
		w.attachType(d)
		w.number("map=", uint64(d.mapID))
	case unix.BPF_LINK_TYPE_NETFILTER:
		w.number("pf=", uint64(d.family))
		w.number("hook=", uint64(d.hook))
		w.signed("prio=", int64(d.priority))
	case unix.BPF_LINK_TYPE_KPROBE_MULTI:
		w.kind(returning("kprobe", "kretprobe", d.flags))
		w.number("funcs=", uint64(d.count))
	case unix.BPF_LINK_TYPE_UPROBE_MULTI:
		w.kind(returning("uprobe", "uretprobe", d.flags))
		w.name(d.name)
		w.number("offsets=", uint64(d.count))
	case typeTracingMulti:
		w.attachType(d)
		w.number("funcs=", uint64(d.count))
	case unix.BPF_LINK_TYPE_PERF_EVENT:
		d.perfEvent(&w)
	}
	return w.dst
}

func returning(entry, exit string, flags uint32) string {
	if flags&multiReturn != 0 {
		return exit
	}
	return entry
}

// tracing names the function by what its program was loaded for. A program that
// was attached to another function since, as only an ext and one that traces a
// program can be, has its number instead.
func (d *details) tracing(w *words, r record) {
	if r.ProgType == progTypeExt {
		w.kind("ext")
	} else {
		w.attachType(d)
	}
	name := bpf.Chars(r.Attach[:])
	if len(name) > 0 && d.targetBTF == r.AttachBtfId {
		w.name(name)
	} else {
		w.number("btf_id=", uint64(d.targetBTF))
	}
	if d.targetObj != r.AttachBtfObj || r.ProgType == progTypeExt {
		w.number("prog=", uint64(d.targetObj))
	}
}

func (d *details) iterator(w *words) {
	w.name(d.name)
	switch {
	case d.mapID != 0:
		w.number("map=", uint64(d.mapID))
	case d.tid != 0:
		w.number("tid=", uint64(d.tid))
	case d.pid != 0:
		w.number("pid=", uint64(d.pid))
	case d.order != 0:
		w.number("cgroup=", d.cgroup)
		w.separate()
		w.dst = orders.Append(append(w.dst, "order="...), d.order)
	}
}

func (d *details) perfEvent(w *words) {
	if d.perfKind == 0 {
		return // a kernel that does not tell
	}
	w.dst = append(perfKinds.Append(w.dst, d.perfKind), ':')
	if d.perfKind == unix.BPF_PERF_EVENT_EVENT {
		w.number("type=", d.perfType)
		w.number("config=", d.perfConfig)
		return
	}
	w.name(d.name)
	if d.offset != 0 {
		w.dst = strconv.AppendUint(append(w.dst, "+0x"...), d.offset, 16)
	}
}

// words are what TARGET is made of: a kind and a colon, then names and numbers
// with commas between.
type words struct {
	dst  []byte
	some bool
}

func (w *words) separate() {
	if w.some {
		w.dst = append(w.dst, ',')
	}
	w.some = true
}

func (w *words) kind(kind string) { w.dst = append(append(w.dst, kind...), ':') }

func (w *words) attachType(d *details) {
	w.dst = append(bpfprog.AttachTypes.Append(w.dst, uint32(d.attachType)), ':')
}

func (w *words) name(name []byte) {
	w.separate()
	w.dst = append(w.dst, name...)
}

func (w *words) number(key string, v uint64) {
	w.separate()
	w.dst = strconv.AppendUint(append(w.dst, key...), v, 10)
}

func (w *words) signed(key string, v int64) {
	w.separate()
	w.dst = strconv.AppendInt(append(w.dst, key...), v, 10)
}
