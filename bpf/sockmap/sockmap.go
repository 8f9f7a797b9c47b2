// SPDX-License-Identifier: Apache-2.0

// Package sockmap is iter/sockmap: the sockets in a sockmap or sockhash. Its
// records are the elements of one map, which bpf/bpf_map_elem shows as those of
// all others.
package sockmap

import (
	"net/netip"
	"strconv"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// Target has no files of its own.
var Target = bpf.Target{
	Name:    "sockmap",
	Since:   "5.10",
	Object:  loadSockmap,
	Records: map[string]uintptr{"socket_record": ValueSize},
}

// Program writes for each element its key, then a record that a Printer prints.
// It has the constant key_size.
const Program = "socket_records"

// ValueSize is the size of such a record.
const ValueSize = unsafe.Sizeof(record{})

type record = sockmapSocketRecord

const (
	familyIPv4 = 2
	familyIPv6 = 10
)

// What sockets can be that maps take, and some more.
var (
	families  = map[uint16]string{1: "unix", familyIPv4: "inet", familyIPv6: "inet6", 40: "vsock"}
	kinds     = map[uint16]string{1: "stream", 2: "dgram", 3: "raw", 5: "seqpacket"}
	protocols = map[uint16]string{6: "tcp", 17: "udp", 132: "sctp"}
	states    = map[uint16]string{
		1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT", 7: "CLOSE",
		8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING", 12: "NEW_SYN_RECV",
	}
)

// A Printer appends sockets: a struct of ino, the number as in socket:[ino], 0 for
// one that no file is of; cookie, 0 when nobody has asked for it yet; family, type,
// protocol and state by name, or by number; and of inet sockets the local and
// remote address with the port.
type Printer struct{ form bpf.Form }

// NewPrinter makes the printer for a form.
func NewPrinter(form bpf.Form) Printer { return Printer{form} }

// Width is that of btftext.Printer.
func (p Printer) Width() int { return 0 }

// Append appends the socket of a record.
func (p Printer) Append(dst, data []byte) []byte {
	var r record
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&r)), ValueSize), data) // which need not be aligned
	f := fields{dst: append(dst, '{'), json: p.form == bpf.JSON}
	f.number("ino", r.Ino)
	f.number("cookie", r.Cookie)
	f.word("family", families[r.Family], r.Family)
	f.word("type", kinds[r.Type], r.Type)
	f.word("protocol", protocols[r.Protocol], r.Protocol)
	f.word("state", states[r.State], r.State)
	if r.Family == familyIPv4 || r.Family == familyIPv6 {
		f.address("local", r.Family, &r.Ends.Local, r.Ends.LocalPort)
		f.address("remote", r.Family, &r.Ends.Remote, r.Ends.RemotePort)
	}
	return append(f.dst, '}')
}

// fields writes the members of a struct as btftext does.
type fields struct {
	dst  []byte
	json bool
	some bool
}

func (f *fields) name(name string) {
	if f.some {
		f.dst = append(f.dst, ',')
	}
	f.some = true
	if f.json {
		f.dst = append(append(append(f.dst, '"'), name...), `":`...)
		return
	}
	f.dst = append(append(f.dst, name...), '=')
}

func (f *fields) quote() {
	if f.json {
		f.dst = append(f.dst, '"')
	}
}

func (f *fields) number(name string, v uint64) {
	f.name(name)
	f.dst = strconv.AppendUint(f.dst, v, 10)
}

// word is a name for v, or v itself where there is none.
func (f *fields) word(name, word string, v uint16) {
	if word == "" {
		f.number(name, uint64(v))
		return
	}
	f.name(name)
	f.quote()
	f.dst = append(f.dst, word...)
	f.quote()
}

func (f *fields) address(name string, family uint16, words *[4]uint32, port uint16) {
	ip := netip.AddrFrom16(*(*[16]byte)(unsafe.Pointer(words)))
	if family == familyIPv4 {
		ip = netip.AddrFrom4(*(*[4]byte)(unsafe.Pointer(words)))
	}
	f.name(name)
	f.quote()
	f.dst = netip.AddrPortFrom(ip, port).AppendTo(f.dst)
	f.quote()
}
