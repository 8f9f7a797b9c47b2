// SPDX-License-Identifier: Apache-2.0

package task

import (
	"math/bits"
	"strconv"

	"github.com/iterfs/iterfs/bpf"
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
	for group := (f.digits - 1) / 8; group >= 0; group-- {
		digits := min(8, f.digits-group*8)
		word := m[group/2] >> (group % 2 * 32) & (1<<min(32, max(0, f.bits-group*32)) - 1)
		if word == 0 { // as most of a wide mask
			dst = append(dst, "00000000"[:digits]...)
		} else {
			dst = bpf.AppendHex(dst, word, digits)
		}
		if group > 0 {
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
