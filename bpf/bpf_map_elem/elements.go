// SPDX-License-Identifier: Apache-2.0

package bpfmapelem

import (
	"fmt"
	"strconv"

	"github.com/iterfs/iterfs/bpf"
)

// elements are those of one map. A record is the bytes of a key, then those of the
// value, or of a value for each possible CPU. It is the bpf.Format of its records.
type elements struct {
	kind               kind
	keySize, valueSize int
	stride, cpus       int // from one CPU's value to the next
	maxEntries         uint32

	json       bool
	key, value printer
}

// A printer is what btftext.Printer is.
type printer interface {
	Append(dst, data []byte) []byte
	Width() int
}

// values is the size of an element's values.
func (e *elements) values() int { return e.stride * e.cpus }

func (e *elements) record() int { return e.keySize + e.values() }

const cpuWidth = len("CPU")

// keyWidth is that of the column KEY, and whether keys stand right.
func (e *elements) keyWidth() (width int, right bool) {
	switch w := e.key.Width(); {
	case w > 0:
		return max(w, len("KEY")), true
	case w < 0 || e.keySize == 0:
		return max(-w, len("KEY")), false
	}
	return 0, false
}

// Head is the header line of the table.
func (e *elements) Head(dst []byte) []byte {
	if e.json {
		return dst
	}
	width, right := e.keyWidth()
	start := len(dst)
	dst = bpf.AlignTail(append(dst, "KEY"...), start, width, right)
	if e.kind.perCPU {
		dst = append(dst, " CPU"...)
	}
	dst = append(dst, ' ')
	start = len(dst)
	dst = bpf.AlignTail(append(dst, "VALUE"...), start, e.value.Width(), true)
	return append(dst, '\n')
}

// Append is that of bpf.Format. All records are of the one map.
func (e *elements) Append(dst, batch []byte, _ *bpf.Key) ([]byte, []byte, int, error) {
	rows, size := 0, e.record()
	for len(batch) > 0 {
		if len(batch) < size {
			return dst, batch, rows, fmt.Errorf("torn record: %d bytes of the %d of a map's element", len(batch), size)
		}
		if e.json {
			dst = e.appendJSON(dst, batch[:e.keySize], batch[e.keySize:size])
		} else {
			dst = e.appendText(dst, batch[:e.keySize], batch[e.keySize:size])
		}
		batch = batch[size:]
		rows++
		if cap(dst)-len(dst) < bpf.RowRoom {
			break
		}
	}
	return dst, batch, rows, nil
}

// appendText appends the row of an element, or those of a per-CPU one.
func (e *elements) appendText(dst, key, values []byte) []byte {
	width, right := e.keyWidth()
	for cpu := range e.cpus {
		start := len(dst)
		if e.keySize > 0 {
			dst = e.key.Append(dst, key)
		} else {
			dst = append(dst, '-')
		}
		dst = append(bpf.AlignTail(dst, start, width, right), ' ')
		if e.kind.perCPU {
			start = len(dst)
			dst = strconv.AppendUint(dst, uint64(cpu), 10)
			dst = append(bpf.AlignTail(dst, start, cpuWidth, true), ' ')
		}
		start = len(dst)
		dst = e.value.Append(dst, values[cpu*e.stride:][:e.valueSize])
		dst = append(bpf.AlignTail(dst, start, e.value.Width(), true), '\n')
	}
	return dst
}

// appendJSON appends the object of an element, with the names that bpftool has.
func (e *elements) appendJSON(dst, key, values []byte) []byte {
	dst = append(dst, `{"key":`...)
	if e.keySize > 0 {
		dst = e.key.Append(dst, key)
	} else {
		dst = append(dst, "null"...)
	}
	if !e.kind.perCPU {
		dst = append(dst, `,"value":`...)
		return append(e.value.Append(dst, values[:e.valueSize]), "}\n"...)
	}
	dst = append(dst, `,"values":[`...)
	for cpu := range e.cpus {
		if cpu > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(append(dst, `{"cpu":`...), uint64(cpu), 10)
		dst = e.value.Append(append(dst, `,"value":`...), values[cpu*e.stride:][:e.valueSize])
		dst = append(dst, '}')
	}
	return append(dst, "]}\n"...)
}
