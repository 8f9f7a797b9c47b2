// SPDX-License-Identifier: Apache-2.0

// Package btftext renders bytes by their BTF type, compactly and without white
// space: structs as {a=1,b={...}}, arrays as [1,2], enums by name, arrays of char
// as "text", pointers in hexadecimal. As JSON they are objects, arrays, strings
// and numbers.
package btftext

import (
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/iterfs/iterfs/bpf"
)

// A Printer appends values of one type. It is safe for concurrent use.
type Printer struct {
	node
	// fallback prints what has too few bytes for the type.
	fallback appendFunc
	text     bool
}

type appendFunc func(dst, data []byte) []byte

// New makes the printer of a type. It is an error when the type has no values,
// or has not that many bytes.
func New(t btf.Type, size int, form bpf.Form) (*Printer, error) {
	c := compiler{json: form == bpf.JSON, known: map[btf.Type]node{}, budget: maxSteps}
	n, err := c.compile(t)
	if err != nil {
		return nil, fmt.Errorf("render a %v by its BTF: %w", t, err)
	}
	if n.size != size {
		return nil, fmt.Errorf("render a %v by its BTF: it has %d bytes, not %d", t, n.size, size)
	}
	if n.cells > maxCells+size*8 {
		return nil, fmt.Errorf("render a %v by its BTF: its %d bytes are shown as %d values", t, size, n.cells)
	}
	return &Printer{node: n, fallback: hexOf(form), text: form == bpf.Text}, nil
}

// Hex makes the printer of bytes without a type: two hexadecimal digits each, a
// string in JSON.
func Hex(size int, form bpf.Form) *Printer {
	hex := hexOf(form)
	return &Printer{node: node{size: size, width: -2 * size, append: hex, plain: true}, fallback: hex}
}

func hexOf(form bpf.Form) appendFunc {
	if form == bpf.JSON {
		return appendQuotedHex
	}
	return appendHex
}

// Append appends a value. In text, what would break a column is escaped as in all
// tables.
func (p *Printer) Append(dst, data []byte) []byte {
	if len(data) < p.size {
		return p.fallback(dst, data)
	}
	start := len(dst)
	dst = p.append(dst, data[:p.size])
	if p.text && !p.plain {
		dst = bpf.EscapeTail(dst, start)
	}
	return dst
}

// Width is how wide numbers are at most, which align right. It is negative for
// values that all have one width, and 0 for those that have any.
func (p *Printer) Width() int { return p.width }

const digits = "0123456789abcdef"

func appendHex(dst, data []byte) []byte {
	for _, b := range data {
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	return dst
}

func appendQuotedHex(dst, data []byte) []byte {
	return append(appendHex(append(dst, '"'), data), '"')
}
