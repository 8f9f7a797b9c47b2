// SPDX-License-Identifier: Apache-2.0

package query

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/iterfs/iterfs/bpf"
)

// A row is a record of a query, where it lies in the batch.
type row []byte

// source decodes records of that size.
func source(size int) bpf.Source[row] {
	return bpf.Source[row]{Decode: func(batch []byte) (row, int, error) {
		if len(batch) < size {
			return nil, 0, fmt.Errorf("torn record: %d bytes of the %d of a row", len(batch), size)
		}
		return batch[:size], size, nil
	}}
}

// shown is what a reader may see, and what it takes to show it.
type shown struct {
	addresses bool
	functions []symbol
}

// shown finds out what the reader of a request may see.
func (q *Query) shown(r bpf.Reader) (s shown, err error) {
	if s.addresses, err = r.SeesAddresses(); err != nil {
		return s, err
	}
	if slices.ContainsFunc(q.fields, func(f *field) bool { return f.format == functions }) {
		s.functions, err = kallsyms.load()
	}
	return s, err
}

// table makes the query's table. The names of the columns are the fields as they
// were asked for, and so are the keys in JSON.
func (q *Query) table(s shown) bpf.Table[row] {
	columns := q.layout.columns()
	size := q.layout.size
	if q.collects() {
		size += totals
	}
	t := bpf.Table[row]{Source: source(size)}
	if q.id != nil {
		columns = columns[1:]
	}
	for _, c := range columns {
		t.Columns = append(t.Columns, c.column(s))
	}
	if q.text.grouped() {
		t.Columns = append(t.Columns, total("COUNT", q.layout.size, false))
	}
	if q.sum != nil {
		t.Columns = append(t.Columns, total("SUM", q.layout.size+8, q.sum.signed))
	}
	return t
}

func total(name string, at int, signed bool) bpf.Column[row] {
	return bpf.Column[row]{Name: name, Width: 8, Unsigned: !signed, Number: bpf.Always(func(r row) int64 {
		return int64(binary.LittleEndian.Uint64(r[at:]))
	})}
}

func (c column) column(s shown) bpf.Column[row] {
	width := 7
	switch {
	case c.kind == text:
		width = min(c.slot, 16)
	case c.kind == pointer:
		width = len("0xffffffffffffffff")
	case c.format != nil:
		width = max(width, c.format.width)
	}
	col := bpf.Column[row]{Name: c.name, Key: c.name, Width: max(len(c.name), width)}
	switch {
	case c.kind == text:
		col.Text = func(dst []byte, r row) ([]byte, bool) { return c.appendText(dst, r), c.has(r) }
	case c.kind == octets:
		col.Text = func(dst []byte, r row) ([]byte, bool) {
			return c.format.appendOctets(dst, r[c.at:c.at+int(c.size)]), c.has(r)
		}
	case c.kind == pointer:
		col.Text = func(dst []byte, r row) ([]byte, bool) {
			v := c.number(r)
			return appendPointer(dst, v, s.addresses), c.has(r) && v != 0
		}
	case c.format == functions:
		col.Text = func(dst []byte, r row) ([]byte, bool) {
			v := c.number(r)
			return appendFunction(dst, s.functions, v), c.has(r) && v != 0
		}
	case c.format != nil && c.format.append != nil:
		col.Text = func(dst []byte, r row) ([]byte, bool) { return c.format.append(dst, c.number(r)), c.has(r) }
	default:
		col.Unsigned = !c.signed || c.mask != 0
		col.Number = func(r row) (int64, bool) { return int64(c.number(r)), c.has(r) }
	}
	return col
}

func (c column) has(r row) bool { return r[c.status] == 0 }

func (c column) number(r row) uint64 { return binary.LittleEndian.Uint64(r[c.at:]) }

// appendText appends a text up to its NUL, and marks one that was cut.
func (c column) appendText(dst []byte, r row) []byte {
	value := r[c.at : c.at+int(c.size)]
	for i, b := range value {
		if b == 0 {
			if i == maxText {
				return append(append(dst, value[:i]...), "..."...)
			}
			return append(dst, value[:i]...)
		}
	}
	return append(dst, value...)
}

// appendPointer appends an address as the kernel prints it, or only that it is one.
func appendPointer(dst []byte, v uint64, shown bool) []byte {
	if !shown {
		return append(dst, "hidden"...)
	}
	const digits = "0123456789abcdef"
	dst = append(dst, "0x"...)
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[v>>shift&15])
	}
	return dst
}
