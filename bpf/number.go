// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"math/bits"
	"slices"
	"strconv"
)

// maxDigits is the length of the largest uint64.
const maxDigits = 20

// AppendField appends a space and the number, as seq_put_decimal_ull(m, " ", v)
// of the kernel. It writes in place what strconv would copy: a sweep of stat is
// little else than this.
func AppendField(dst []byte, v uint64) []byte {
	if v < 10 {
		return append(dst, ' ', byte('0'+v))
	}
	return appendLong(dst, v)
}

// AppendSignedField is AppendField of a number that may be negative.
func AppendSignedField(dst []byte, v int64) []byte {
	if v >= 0 {
		return AppendField(dst, uint64(v))
	}
	start := len(dst)
	dst = appendLong(append(dst, ' '), uint64(-v))
	dst[start+1] = '-' // where appendLong put its space
	return dst
}

func appendLong(dst []byte, v uint64) []byte {
	n := digits(v)
	start := len(dst)
	dst = slices.Grow(dst, 1+maxDigits)[:start+1+n]
	dst[start] = ' '
	field := dst[start+1:]
	for v >= 100 {
		q := v / 100
		pair := (v - q*100) * 2
		n -= 2
		field[n+1] = pairs[pair+1]
		field[n] = pairs[pair]
		v = q
	}
	if v < 10 {
		field[0] = byte('0' + v)
	} else {
		field[0], field[1] = pairs[v*2], pairs[v*2+1]
	}
	return dst
}

// digits is how many decimal digits v has, by its bits and a table.
func digits(v uint64) int {
	n := bits.Len64(v|1) * 1233 >> 12
	if v >= powers[n] {
		n++
	}
	return n
}

var powers = func() (p [maxDigits]uint64) {
	for i, v := 0, uint64(1); i < maxDigits; i, v = i+1, v*10 {
		p[i] = v
	}
	return p
}()

// AppendPadded appends a number behind as many spaces as make it so wide, as
// seq_put_decimal_ull_width(m, "", v, width) of the kernel.
func AppendPadded(dst []byte, v uint64, width int) []byte {
	dst = appendSpaces(dst, max(0, width-max(1, digits(v))))
	return strconv.AppendUint(dst, v, 10)
}

// AppendHex appends a number in hexadecimal with at least so many digits, as
// printf's %0*x.
func AppendHex(dst []byte, v uint64, digits int) []byte {
	digits = max(digits, (bits.Len64(v)+3)/4)
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hex[v>>shift&15])
	}
	return dst
}

const pairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"
