// SPDX-License-Identifier: Apache-2.0

package bpflink

import (
	"bytes"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// Types are the members of enum bpf_link_type as bpftool prints them.
var Types = bpf.Names{
	"unspec", "raw_tracepoint", "tracing", "cgroup", "iter", "netns", "xdp", "perf_event", "kprobe_multi",
	"struct_ops", "netfilter", "tcx", "uprobe_multi", "netkit", "sockmap", "tracing_multi",
}

// Link types that the library's constants lack.
const (
	typeNetkit       = 13
	typeSockmap      = 14
	typeTracingMulti = 15
)

// details are what struct bpf_link_info tells of a link, of whatever type.
type details struct {
	attachType int32  // -1 where the link has none
	name       []byte // of a tracepoint, function, file or iterator

	targetObj, targetBTF         uint32
	netns, ifindex, mapID        uint32
	tid, pid, order              uint32
	count, flags, perfKind       uint32
	family, hook                 uint32
	priority                     int32
	cgroup, cookie, missed       uint64
	offset, perfType, perfConfig uint64
}

// query is struct bpf_link_info and room for the name that it points to.
type query struct {
	info struct {
		linkType, id, progID, _ uint32
		union                   [7]uint64
	}
	name    [unix.PathMax]byte
	details details
}

var queries = sync.Pool{New: func() any { return new(query) }}

// ask gives f what the kernel tells of a link. A link that has gone meanwhile is
// an error.
func ask(r record, f func(d *details)) error {
	q := queries.Get().(*query)
	defer queries.Put(q)
	q.info.union = [7]uint64{}
	q.name[0] = 0
	switch name := uint64(uintptr(unsafe.Pointer(&q.name))); r.Type {
	case unix.BPF_LINK_TYPE_RAW_TRACEPOINT, unix.BPF_LINK_TYPE_ITER:
		q.info.union[0], q.info.union[1] = name, uint64(len(q.name))
	case unix.BPF_LINK_TYPE_UPROBE_MULTI:
		q.info.union[0], q.info.union[4] = name, uint64(len(q.name))
	case unix.BPF_LINK_TYPE_PERF_EVENT:
		q.info.union[1], q.info.union[2] = name, uint64(len(q.name))
	}
	err := bpf.InfoByID(unix.BPF_LINK_GET_FD_BY_ID, r.Id, &q.info)
	runtime.KeepAlive(q)
	if err != nil {
		return err
	}
	q.decode()
	f(&q.details)
	return nil
}

// lo and hi are the halves of a member of the union that holds two numbers.
func lo(v uint64) uint32 { return uint32(v) }
func hi(v uint64) uint32 { return uint32(v >> 32) }

// decode takes apart the union of struct bpf_link_info of include/uapi/linux/bpf.h.
func (q *query) decode() {
	u, d := &q.info.union, &q.details
	*d = details{attachType: -1}
	if end := bytes.IndexByte(q.name[:], 0); end >= 0 {
		d.name = q.name[:end]
	}
	switch q.info.linkType {
	case unix.BPF_LINK_TYPE_RAW_TRACEPOINT:
		d.cookie = u[2]
	case unix.BPF_LINK_TYPE_TRACING:
		d.attachType, d.targetObj, d.targetBTF, d.cookie = int32(lo(u[0])), hi(u[0]), lo(u[1]), u[2]
	case unix.BPF_LINK_TYPE_CGROUP:
		d.cgroup, d.attachType = u[0], int32(lo(u[1]))
	case unix.BPF_LINK_TYPE_ITER:
		d.mapID = hi(u[1])
		if string(d.name) == "cgroup" {
			d.cgroup, d.order = u[2], lo(u[3])
		} else {
			d.tid, d.pid = lo(u[2]), hi(u[2])
		}
	case unix.BPF_LINK_TYPE_NETNS:
		d.netns, d.attachType = lo(u[0]), int32(hi(u[0]))
	case unix.BPF_LINK_TYPE_XDP:
		d.ifindex = lo(u[0])
	case unix.BPF_LINK_TYPE_TCX, typeNetkit:
		d.ifindex, d.attachType = lo(u[0]), int32(hi(u[0]))
	case unix.BPF_LINK_TYPE_STRUCT_OPS:
		d.mapID = lo(u[0])
	case typeSockmap:
		d.mapID, d.attachType = lo(u[0]), int32(hi(u[0]))
	case unix.BPF_LINK_TYPE_NETFILTER:
		d.family, d.hook, d.priority, d.flags = lo(u[0]), hi(u[0]), int32(lo(u[1])), hi(u[1])
	case unix.BPF_LINK_TYPE_KPROBE_MULTI:
		d.count, d.flags, d.missed = lo(u[1]), hi(u[1]), u[2]
	case unix.BPF_LINK_TYPE_UPROBE_MULTI:
		d.count, d.flags, d.pid = hi(u[4]), lo(u[5]), hi(u[5])
	case typeTracingMulti:
		d.attachType, d.count, d.targetObj = int32(lo(u[0])), hi(u[0]), lo(u[1])
	case unix.BPF_LINK_TYPE_PERF_EVENT:
		q.decodePerf()
	}
}

func (q *query) decodePerf() {
	u, d := &q.info.union, &q.details
	switch d.perfKind = lo(u[0]); d.perfKind {
	case unix.BPF_PERF_EVENT_UPROBE, unix.BPF_PERF_EVENT_URETPROBE:
		d.offset, d.cookie = uint64(hi(u[2])), u[3]
	case unix.BPF_PERF_EVENT_KPROBE, unix.BPF_PERF_EVENT_KRETPROBE:
		d.offset, d.missed, d.cookie = uint64(hi(u[2])), u[4], u[5]
	case unix.BPF_PERF_EVENT_TRACEPOINT:
		d.cookie = u[3]
	case unix.BPF_PERF_EVENT_EVENT:
		d.perfConfig, d.perfType, d.cookie = u[1], uint64(lo(u[2])), u[3]
	}
}
