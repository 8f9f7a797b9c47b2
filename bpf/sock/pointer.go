// SPDX-License-Identifier: Apache-2.0

package sock

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

// pointerSize is POINTER_SIZE of sock.h.
const pointerSize = 16

// A Printed is a record with the address of its socket behind it, as the kernel
// prints it: write_pointer() of sock.h.
type Printed[R any] struct {
	Record  R
	Pointer []byte
}

// DecodePrinted makes the bpf.Source.Decode of such records from that of the
// record alone.
func DecodePrinted[R any](decode func(batch []byte) (R, int, error)) func(batch []byte) (Printed[R], int, error) {
	return func(batch []byte) (p Printed[R], n int, err error) {
		if p.Record, n, err = decode(batch); err != nil {
			return p, 0, err
		}
		if n += pointerSize; n > len(batch) {
			return p, 0, fmt.Errorf("torn record: no address behind a %T", p.Record)
		}
		p.Pointer = batch[n-pointerSize : n]
		return p, n, nil
	}
}

// Lines makes the format of such records for one reader: a line is given the
// address as he may see it. The records have no key, for no file asks for
// a single socket.
func Lines[R any](reader bpf.Reader, head string, decode func(batch []byte) (R, int, error),
	line func(dst []byte, r R, pointer []byte) []byte) bpf.Format {
	hidden := hidesPointers(reader)
	source := bpf.Source[Printed[R]]{Decode: DecodePrinted(decode)}
	return source.LinesBelow(head, func(dst []byte, p Printed[R]) []byte {
		if hidden {
			return line(dst, p.Record, nowhere)
		}
		return line(dst, p.Record, p.Pointer)
	})
}

var nowhere = []byte(strings.Repeat("0", pointerSize))

// hidesPointers reports whether a reader may not see what the kernel prints for
// the daemon. With kptr_restrict at 1 these are the true addresses, which are for
// readers with CAP_SYSLOG alone; otherwise they are for all.
func hidesPointers(r bpf.Reader) bool {
	restrict, err := native.ReadFile("sys/kernel/kptr_restrict")
	if err == nil && strings.TrimSpace(string(restrict)) != "1" {
		return false
	}
	return !r.Capable(unix.CAP_SYSLOG)
}
