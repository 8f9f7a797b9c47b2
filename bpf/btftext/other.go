// SPDX-License-Identifier: Apache-2.0

package btftext

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/cilium/ebpf/btf"

	"github.com/iterfs/iterfs/bpf"
)

// int128 is in hexadecimal: few readers of JSON know numbers of that size.
func (c *compiler) int128() node {
	return node{size: 16, cells: 1, plain: true, append: func(dst, data []byte) []byte {
		lo, hi := binary.NativeEndian.Uint64(data), binary.NativeEndian.Uint64(data[8:])
		if c.json {
			dst = append(dst, '"')
		}
		dst = append(dst, "0x"...)
		if hi == 0 {
			dst = strconv.AppendUint(dst, lo, 16)
		} else {
			dst = strconv.AppendUint(dst, hi, 16)
			for shift := 60; shift >= 0; shift -= 4 {
				dst = append(dst, digits[lo>>shift&15])
			}
		}
		if c.json {
			dst = append(dst, '"')
		}
		return dst
	}}
}

// pointer is hexadecimal in text and, as everything that is a number, a number in
// JSON.
func (c *compiler) pointer() node {
	return node{size: 8, cells: 1, plain: true, append: func(dst, data []byte) []byte {
		v := binary.NativeEndian.Uint64(data)
		if c.json {
			return strconv.AppendUint(dst, v, 10)
		}
		return strconv.AppendUint(append(dst, "0x"...), v, 16)
	}}
}

// float prints what reads back as the same. Those that JSON has no number for are
// strings there, and a size that Go does not know is shown as bytes.
func (c *compiler) float(size int) node {
	n := node{size: size, cells: 1, plain: true}
	number := func(dst []byte, v float64, bits int) []byte {
		if c.json && (math.IsNaN(v) || math.IsInf(v, 0)) {
			return append(strconv.AppendFloat(append(dst, '"'), v, 'g', -1, bits), '"')
		}
		return strconv.AppendFloat(dst, v, 'g', -1, bits)
	}
	switch size {
	case 4:
		n.append = func(dst, data []byte) []byte {
			return number(dst, float64(math.Float32frombits(binary.NativeEndian.Uint32(data))), 32)
		}
	case 8:
		n.append = func(dst, data []byte) []byte {
			return number(dst, math.Float64frombits(binary.NativeEndian.Uint64(data)), 64)
		}
	default:
		form := bpf.Text
		if c.json {
			form = bpf.JSON
		}
		hex := hexOf(form)
		n.append = func(dst, data []byte) []byte { return hex(dst, data[:size]) }
	}
	return n
}

// isChar reports whether arrays of a type are text: a typedef of char is not, as
// in bpftool, since it is more often a small number.
func isChar(t btf.Type) bool {
	i, ok := btf.QualifiedType(t).(*btf.Int)
	return ok && i.Size == 1 && (i.Encoding == btf.Char || i.Name == "char")
}

// textOf is the text in a char array, up to its end or a NUL. It reports false
// for bytes that are none: control characters, or not UTF-8.
func textOf(data []byte) ([]byte, bool) {
	if end := bytes.IndexByte(data, 0); end >= 0 {
		data = data[:end]
	}
	for _, b := range data {
		if b < ' ' || b == 0x7f {
			return nil, false
		}
	}
	return data, utf8.Valid(data)
}

func (c *compiler) appendString(dst, s []byte) []byte {
	if c.json {
		start := len(dst)
		return bpf.QuoteTail(append(dst, s...), start)
	}
	dst = append(dst, '"')
	for _, b := range s {
		if b == '"' || b == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, b)
	}
	return append(dst, '"')
}
