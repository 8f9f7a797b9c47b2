// SPDX-License-Identifier: Apache-2.0

// Package netlink is iter/netlink: the netlink sockets of a network namespace.
package netlink

import (
	"strconv"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/sock"
)

// Target has net/netlink.
var Target = bpf.Target{
	Name:    "netlink",
	Since:   "5.8",
	Object:  loadNetlink,
	Records: map[string]uintptr{"netlink_record": unsafe.Sizeof(netlinkNetlinkRecord{}), "socket_record": sock.RecordSize},
	Files:   []bpf.File{{Path: "net/netlink", Doc: "as /proc/net/netlink", PerNetNS: true, Open: open}},
}

const head = "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"

// The kernel's table grows and shrinks with the number of sockets, all the time.
func open(r bpf.Request, _ bpf.Form) (bpf.Content, error) {
	records, err := r.Run(r.Target, "netlink_records", r.Params)
	if err != nil {
		return nil, err
	}
	records = sock.Once(records, func(batch []byte) (uint64, int, error) {
		p, n, err := decodePrinted(batch)
		if err != nil {
			return 0, 0, err
		}
		return p.Record.Ino, n, nil
	})
	return r.Content(records, sock.Lines(r.Reader, head, decode, appendLine)), nil
}

// SocketRecords starts a run of what sock.DecodeSocket decodes, with the request's
// parameters.
func SocketRecords(r bpf.Request) (bpf.Records, error) {
	records, err := r.Run(&Target, "socket_records", r.Params)
	if err != nil {
		return nil, err
	}
	return sock.Once(records, func(batch []byte) (uint64, int, error) {
		s, n, err := sock.DecodeSocket(batch)
		if err != nil {
			return 0, 0, err
		}
		return s.Ino, n, nil
	}), nil
}

var (
	decode        = bpf.Fixed[netlinkNetlinkRecord]
	decodePrinted = sock.DecodePrinted(decode)
)

// appendLine follows netlink_native_seq_show() of net/netlink/af_netlink.c.
func appendLine(dst []byte, r *netlinkNetlinkRecord, pointer []byte) []byte {
	dst = append(append(dst, pointer...), ' ')
	dst = appendLeft(dst, int64(r.Protocol), 3)
	dst = appendLeft(append(dst, ' '), int64(r.Portid), 10)
	dst = bpf.AppendHex(append(dst, ' '), uint64(r.Groups), 8)
	dst = appendLeft(append(dst, ' '), int64(r.Rmem), 8)
	dst = appendLeft(append(dst, ' '), int64(r.Wmem), 8)
	dst = appendLeft(append(dst, ' '), int64(r.Dumping), 5)
	dst = appendLeft(append(dst, ' '), int64(r.Refs), 8)
	dst = appendLeft(append(dst, ' '), int64(r.Drops), 8)
	dst = appendLeft(append(dst, ' '), int64(r.Ino), 8)
	return append(dst, '\n')
}

// appendLeft is printf's %-*d.
func appendLeft(dst []byte, v int64, width int) []byte {
	start := len(dst)
	dst = strconv.AppendInt(dst, v, 10)
	return bpf.AppendSpaces(dst, width-(len(dst)-start))
}
