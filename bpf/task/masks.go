// SPDX-License-Identifier: Apache-2.0

package task

import (
	"math/bits"
	"strconv"
)

// A mask is of CPUs or memory nodes, as bitmap_string() and bitmap_list_string()
// of lib/vsprintf.c print it.
type mask [16]uint64

const maskBits = 16 * 64

func (m *mask) has(bit int) bool { return m[bit/64]>>(bit%64)&1 != 0 }

// A maskFormat is how wide the kernel prints a mask: so many digits, of which
// only so many bits count.
type maskFormat struct{ bits, digits int }

// append appends the mask in hexadecimal, 32 bits at a time, separated by commas.
func (f maskFormat) append(dst []byte, m *mask) []byte {
	for d := f.digits - 1; d >= 0; d-- {
		word := m[d/16]
		if whole := f.bits - d/16*64; whole < 64 {
			word &= 1<<max(0, whole) - 1
		}
		dst = append(dst, "0123456789abcdef"[word>>(d%16*4)&15])
		if d%8 == 0 && d > 0 {
			dst = append(dst, ',')
		}
	}
	return dst
}

// appendList appends the mask as ranges: 0-3,8.
func (f maskFormat) appendList(dst []byte, m *mask) []byte {
	separator := false
	for bit := f.next(m, 0); bit < f.bits; {
		end := bit
		for end+1 < f.bits && m.has(end+1) {
			end++
		}
		if separator {
			dst = append(dst, ',')
		}
		separator = true
		dst = strconv.AppendInt(dst, int64(bit), 10)
		if end > bit {
			dst = strconv.AppendInt(append(dst, '-'), int64(end), 10)
		}
		bit = f.next(m, end+1)
	}
	return dst
}

// next finds the next bit that is set, or returns f.bits or more.
func (f maskFormat) next(m *mask, bit int) int {
	for bit < f.bits {
		if word := m[bit/64] >> (bit % 64); word != 0 {
			return bit + bits.TrailingZeros64(word)
		}
		bit = (bit/64 + 1) * 64
	}
	return bit
}
