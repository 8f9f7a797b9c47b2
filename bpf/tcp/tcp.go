// SPDX-License-Identifier: Apache-2.0

// Package tcp is iter/tcp: the TCP sockets of a network namespace.
package tcp

import (
	"context"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/sock"
)

// Target has net/tcp and net/tcp6.
var Target = bpf.Target{
	Name:    "tcp",
	Since:   "5.9",
	Object:  loadTcp,
	Records: map[string]uintptr{"tcp_record": unsafe.Sizeof(tcpTcpRecord{}), "socket_record": sock.RecordSize},
	Files: []bpf.File{
		{Path: "net/tcp", Doc: "as /proc/net/tcp", PerNetNS: true, Open: ipv4.open},
		{Path: "net/tcp6", Doc: "as /proc/net/tcp6", PerNetNS: true, Open: ipv6.open},
	},
}

// SocketRecords starts a run of what sock.DecodeSocket decodes, with the request's
// parameters.
func SocketRecords(r bpf.Request) (bpf.Records, error) {
	return r.Run(&Target, "socket_records", r.Params)
}

type family struct{ sock.Family }

var (
	// The width is TMPSZ - 1 of net/ipv4/tcp_ipv4.c.
	ipv4 = family{sock.Family{Program: "tcp4_records", Words: 1, Width: 149,
		Names: "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"}}
	ipv6 = family{sock.Family{Program: "tcp6_records", Words: 4,
		Names: "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"}}
)

// open numbers the lines, which no program can: it sees both families and may
// run twice for one socket.
func (f family) open(r bpf.Request, _ bpf.Form) (bpf.Content, error) {
	ids, err := r.Reader.IDs(context.Background())
	if err != nil {
		return nil, err
	}
	var number uint64
	return r.Render(f.Program, sock.Lines(r.Reader, f.Head(), bpf.Fixed[tcpTcpRecord], func(dst []byte, r *tcpTcpRecord, pointer []byte) []byte {
		dst = f.appendLine(dst, number, r, pointer, ids)
		number++
		return dst
	}))
}

// timeWait is the timer of sockets in TIME_WAIT alone, whose user is always shown as 0.
const timeWait = 3

// appendLine follows get_tcp4_sock(), get_timewait4_sock() and get_openreq4() of
// net/ipv4/tcp_ipv4.c, and those of net/ipv6/tcp_ipv6.c.
func (f family) appendLine(dst []byte, number uint64, r *tcpTcpRecord, pointer []byte, ids *bpf.IDs) []byte {
	start, uid := len(dst), uint32(0)
	if r.Timer != timeWait {
		uid = ids.UID(r.Uid)
	}
	dst = f.AppendLine(dst, &sock.Line{
		Number: number, NumberWidth: 4,
		Local: &r.Ends.Local, LocalPort: r.Ends.LocalPort, Remote: &r.Ends.Remote, RemotePort: r.Ends.RemotePort,
		State: r.State, TxQueue: r.TxQueue, RxQueue: r.RxQueue,
		Timer: r.Timer, Timeout: clockTicks(r.Timeout), Retransmits: r.Retransmits,
		UID: uid, Probes: r.Probes, Ino: r.Ino, Refs: r.Refs, Pointer: pointer,
	})
	if r.Full != 0 {
		dst = bpf.AppendField(dst, clockTicks(r.Rto))
		dst = bpf.AppendField(dst, clockTicks(r.Ato))
		dst = bpf.AppendField(dst, uint64(r.Quick))
		dst = bpf.AppendField(dst, uint64(r.Cwnd))
		dst = bpf.AppendSignedField(dst, int64(r.Ssthresh))
	}
	return f.EndLine(dst, start)
}
