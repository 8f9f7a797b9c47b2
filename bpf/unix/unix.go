// SPDX-License-Identifier: Apache-2.0

// Package unixsock is iter/unix: the unix sockets of a network namespace.
package unixsock

import (
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/sock"
)

// Target has net/unix.
var Target = bpf.Target{
	Name:    "unix",
	Since:   "5.15",
	Object:  loadUnix,
	Records: map[string]uintptr{"unix_record": unsafe.Sizeof(unixUnixRecord{}), "socket_record": sock.RecordSize},
	Files:   []bpf.File{{Path: "net/unix", Doc: "as /proc/net/unix", PerNetNS: true, Open: open}},
}

const head = "Num       RefCount Protocol Flags    Type St Inode Path\n"

func open(r bpf.Request, _ bpf.Form) (bpf.Content, error) {
	records, err := runWhole(r, r.Target, "unix_records", func(batch []byte) (place, int, error) {
		p, n, err := decodePrinted(batch)
		if err != nil {
			return place{}, 0, err
		}
		return place{int(p.Record.Bucket), p.Record.First != 0}, n, nil
	})
	if err != nil {
		return nil, err
	}
	return r.Content(records, sock.Lines(r.Reader, head, decode, appendLine)), nil
}

// SocketRecords starts a run for what sock.DecodeSocket decodes, with the request's
// parameters.
func SocketRecords(r bpf.Request) (bpf.Records, error) {
	return runWhole(r, &Target, "socket_records", func(batch []byte) (place, int, error) {
		s, n, err := sock.DecodeSocket(batch)
		if err != nil {
			return place{}, 0, err
		}
		return place{int(s.Bucket), s.First != 0}, n, nil
	})
}

// A socket is a record and the name behind it, in the batch.
type socket struct {
	*unixUnixRecord
	name []byte
}

func decode(batch []byte) (socket, int, error) {
	r, name, n, err := bpf.Tailed(batch, func(r *unixUnixRecord) (whole, tail int) { return int(r.Size), int(r.Length) })
	return socket{r, name}, n, err
}

var decodePrinted = sock.DecodePrinted(decode)

const (
	established = 1       // TCP_ESTABLISHED
	listening   = 10      // TCP_LISTEN
	acceptsCon  = 1 << 16 // __SO_ACCEPTCON
)

// The states of struct socket, SS_UNCONNECTED to SS_DISCONNECTING.
const (
	unconnected = 1 + iota
	connecting
	connected
	disconnecting
)

// appendLine follows unix_seq_show() of net/unix/af_unix.c.
func appendLine(dst []byte, r socket, pointer []byte) []byte {
	var flags uint64
	if r.State == listening {
		flags = acceptsCon
	}
	state := uint64(unconnected)
	switch {
	case r.Attached != 0 && r.State == established:
		state = connected
	case r.State == established:
		state = connecting
	case r.Attached == 0:
		state = disconnecting
	}
	dst = append(append(dst, pointer...), ": "...)
	dst = bpf.AppendUpperHex(dst, uint64(r.Refs), 8)
	dst = append(dst, " 00000000 "...)
	dst = bpf.AppendUpperHex(dst, flags, 8)
	dst = bpf.AppendUpperHex(append(dst, ' '), uint64(r.Type), 4)
	dst = bpf.AppendUpperHex(append(dst, ' '), state, 2)
	dst = bpf.AppendPadded(append(dst, ' '), r.Ino, 5)
	if r.Length > 0 {
		dst = sock.AppendUnixName(append(dst, ' '), r.name)
	}
	return append(dst, '\n')
}
