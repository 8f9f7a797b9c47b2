// SPDX-License-Identifier: Apache-2.0

// Package udp is iter/udp: the UDP sockets of a network namespace.
package udp

import (
	"context"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/sock"
)

// Target has net/udp and net/udp6.
var Target = bpf.Target{
	Name:    "udp",
	Since:   "5.9",
	Object:  loadUdp,
	Records: map[string]uintptr{"udp_record": unsafe.Sizeof(udpUdpRecord{}), "socket_record": sock.RecordSize},
	Files: []bpf.File{
		{Path: "net/udp", Doc: "as /proc/net/udp", PerNetNS: true, Open: ipv4.open},
		{Path: "net/udp6", Doc: "as /proc/net/udp6", PerNetNS: true, Open: ipv6.open},
	},
}

// SocketRecords starts a run of what sock.DecodeSocket decodes, with the request's
// parameters.
func SocketRecords(r bpf.Request) (bpf.Records, error) {
	return r.Run(&Target, "socket_records", r.Params)
}

type family struct{ sock.Family }

var (
	ipv4 = family{sock.Family{Program: "udp4_records", Words: 1, Width: 127,
		Names: "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops"}}
	ipv6 = family{sock.Family{Program: "udp6_records", Words: 4,
		Names: "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops"}}
)

func (f family) open(r bpf.Request, _ bpf.Form) (bpf.Content, error) {
	ids, err := r.Reader.IDs(context.Background())
	if err != nil {
		return nil, err
	}
	records, err := r.Run(r.Target, f.Program, r.Params)
	if err != nil {
		return nil, err
	}
	return r.Content(&ordered{Records: records}, sock.Lines(r.Reader, f.Head(), bpf.Fixed[udpUdpRecord], func(dst []byte, r *udpUdpRecord, pointer []byte) []byte {
		return f.appendLine(dst, r, pointer, ids)
	})), nil
}

// appendLine follows udp4_format_sock() of net/ipv4/udp.c and
// __ip6_dgram_sock_seq_show() of net/ipv6/datagram.c.
func (f family) appendLine(dst []byte, r *udpUdpRecord, pointer []byte, ids *bpf.IDs) []byte {
	start := len(dst)
	dst = f.AppendLine(dst, &sock.Line{
		Number: uint64(r.Bucket), NumberWidth: 5,
		Local: &r.Ends.Local, LocalPort: r.Ends.LocalPort, Remote: &r.Ends.Remote, RemotePort: r.Ends.RemotePort,
		State: r.State, TxQueue: r.TxQueue, RxQueue: r.RxQueue,
		UID: ids.UID(r.Uid), Ino: r.Ino, Refs: r.Refs, Pointer: pointer,
	})
	dst = bpf.AppendField(dst, uint64(r.Drops))
	return f.EndLine(dst, start)
}
