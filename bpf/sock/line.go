// SPDX-License-Identifier: Apache-2.0

package sock

import (
	"fmt"

	"github.com/iterfs/iterfs/bpf"
)

// A Family is one of the two whose sockets an iterator shows mixed, as the files
// of /proc/net have it.
type Family struct {
	Program string // that writes records of this family alone
	Words   int    // of an address
	Width   int    // that lines are padded to
	Names   string // the first line
}

// Head is the first line.
func (f Family) Head() string { return fmt.Sprintf("%-*s\n", f.Width, f.Names) }

// A Line is what the files of TCP and UDP have in common. Addresses and ports are
// as the machine reads them, which are swapped where it is little-endian.
type Line struct {
	Number                uint64
	NumberWidth           int
	Local, Remote         *[4]uint32
	LocalPort, RemotePort uint16
	State                 uint8
	TxQueue, RxQueue      uint32 // bytes
	Timer                 uint8
	Timeout               uint64 // clock ticks
	Retransmits           uint8
	UID                   uint32
	Probes                uint8
	Ino                   uint64
	Refs                  uint32
	Pointer               []byte
}

// AppendLine appends "%*d: %08X:%04X %08X:%04X %02X %08X:%08X %02X:%08lX %08X %5u
// %8d %lu %d %pK".
func (f Family) AppendLine(dst []byte, l *Line) []byte {
	dst = bpf.AppendPadded(dst, l.Number, l.NumberWidth)
	dst = f.appendEnd(append(dst, ": "...), l.Local, l.LocalPort)
	dst = f.appendEnd(append(dst, ' '), l.Remote, l.RemotePort)
	dst = bpf.AppendUpperHex(append(dst, ' '), uint64(l.State), 2)
	dst = bpf.AppendUpperHex(append(dst, ' '), uint64(l.TxQueue), 8)
	dst = bpf.AppendUpperHex(append(dst, ':'), uint64(l.RxQueue), 8)
	dst = bpf.AppendUpperHex(append(dst, ' '), uint64(l.Timer), 2)
	dst = bpf.AppendUpperHex(append(dst, ':'), l.Timeout, 8)
	dst = bpf.AppendUpperHex(append(dst, ' '), uint64(l.Retransmits), 8)
	dst = bpf.AppendPadded(append(dst, ' '), uint64(l.UID), 5)
	dst = bpf.AppendPadded(append(dst, ' '), uint64(l.Probes), 8)
	dst = bpf.AppendField(dst, l.Ino)
	dst = bpf.AppendField(dst, uint64(l.Refs))
	return append(append(dst, ' '), l.Pointer...)
}

func (f Family) appendEnd(dst []byte, address *[4]uint32, port uint16) []byte {
	for _, word := range address[:f.Words] {
		dst = bpf.AppendUpperHex(dst, uint64(word), 8)
	}
	return bpf.AppendUpperHex(append(dst, ':'), uint64(port), 4)
}

// EndLine ends a line that began at start, and pads it as seq_pad() does.
func (f Family) EndLine(dst []byte, start int) []byte {
	return append(bpf.AppendSpaces(dst, f.Width-(len(dst)-start)), '\n')
}
