// SPDX-License-Identifier: Apache-2.0

package btftext

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/cilium/ebpf/btf"

	"github.com/iterfs/iterfs/bpf"
)

// A scalar prints a number of 64 bits, into which one of fewer was extended.
type scalar struct {
	size   int
	signed bool
	width  int
	plain  bool
	print  func(dst []byte, v uint64) []byte
}

// node is the printer of a scalar that has bytes of its own.
func (s scalar) node() node {
	n := node{size: s.size, cells: 1, width: s.width, plain: s.plain}
	shift := 64 - 8*s.size
	n.append = func(dst, data []byte) []byte { return s.print(dst, extend(load(data, s.size), shift, s.signed)) }
	return n
}

func load(data []byte, size int) uint64 {
	switch size {
	case 1:
		return uint64(data[0])
	case 2:
		return uint64(binary.NativeEndian.Uint16(data))
	case 4:
		return uint64(binary.NativeEndian.Uint32(data))
	}
	return binary.NativeEndian.Uint64(data)
}

// extend fills the upper bits, as many as shift.
func extend(v uint64, shift int, signed bool) uint64 {
	if signed {
		return uint64(int64(v<<shift) >> shift)
	}
	return v << shift >> shift
}

// scalar reports false for what is no integer or enum of a size that there is.
func (c *compiler) scalar(t btf.Type) (scalar, bool) {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		s := scalar{size: int(t.Size), signed: t.Encoding == btf.Signed, plain: true, print: appendUnsigned}
		switch {
		case t.Encoding == btf.Bool:
			s.print = func(dst []byte, v uint64) []byte { return strconv.AppendBool(dst, v != 0) }
			return s, powerOfTwo(s.size)
		case s.signed:
			s.print = appendSigned
		}
		s.width = map[int]int{1: 3, 2: 5, 4: 10, 8: 20}[s.size]
		if s.signed && s.size < 8 {
			s.width++
		}
		return s, powerOfTwo(s.size)
	case *btf.Enum:
		return c.enum(t), powerOfTwo(int(t.Size))
	}
	return scalar{}, false
}

func powerOfTwo(size int) bool { return size == 1 || size == 2 || size == 4 || size == 8 }

func appendUnsigned(dst []byte, v uint64) []byte { return strconv.AppendUint(dst, v, 10) }
func appendSigned(dst []byte, v uint64) []byte   { return strconv.AppendInt(dst, int64(v), 10) }

// enum prints the name of a member, and the number of what is none.
func (c *compiler) enum(t *btf.Enum) scalar {
	s := scalar{size: int(t.Size), signed: t.Signed, plain: true}
	number := appendUnsigned
	if t.Signed {
		number = appendSigned
	}
	shift := max(64-8*s.size, 0)
	names := make(map[uint64]string, len(t.Values))
	for _, v := range t.Values {
		value := extend(v.Value, shift, t.Signed)
		if _, ok := names[value]; ok {
			continue // the first name counts
		}
		s.plain = s.plain && isPlain(v.Name)
		name := []byte(v.Name)
		if c.json {
			name = bpf.QuoteTail(name, 0)
		}
		names[value] = string(name)
	}
	s.print = func(dst []byte, v uint64) []byte {
		if name, ok := names[v]; ok {
			return append(dst, name...)
		}
		return number(dst, v)
	}
	return s
}

// bitfield prints bits that may begin and end within bytes: at most 64 in 9 bytes.
func (c *compiler) bitfield(m btf.Member) (node, error) {
	s, ok := c.scalar(m.Type)
	if !ok || m.BitfieldSize > 64 {
		return node{}, fmt.Errorf("%d bits of a %v", m.BitfieldSize, m.Type)
	}
	first, bits := int(m.Offset%8), int(m.BitfieldSize)
	n := node{size: (first + bits + 7) / 8, cells: 1, plain: s.plain}
	n.append = func(dst, data []byte) []byte {
		var word [16]byte
		copy(word[:], data[:n.size])
		v := binary.LittleEndian.Uint64(word[:]) >> first
		if first > 0 {
			v |= binary.LittleEndian.Uint64(word[8:]) << (64 - first)
		}
		return s.print(dst, extend(v, 64-bits, s.signed))
	}
	return n, nil
}
