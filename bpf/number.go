// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"math/bits"
	"slices"
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
	return appendDigits(append(dst, ' '), v, digits(v))
}

// AppendPadded appends a number behind as many spaces as make it so wide, as
// seq_put_decimal_ull_width(m, "", v, width) of the kernel.
func AppendPadded(dst []byte, v uint64, width int) []byte {
	n := digits(v)
	return appendDigits(AppendSpaces(dst, width-n), v, n)
}

// appendSigned is AppendPadded of a number that may be negative.
func appendSigned(dst []byte, v int64, width int) []byte {
	if v >= 0 {
		return AppendPadded(dst, uint64(v), width)
	}
	n := digits(uint64(-v))
	return appendDigits(append(AppendSpaces(dst, width-n-1), '-'), uint64(-v), n)
}

// appendDigits appends a number of n digits.
func appendDigits(dst []byte, v uint64, n int) []byte {
	start := len(dst)
	dst = slices.Grow(dst, maxDigits)[:start+n]
	field := dst[start:]
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
	v |= 1 // of 0 as of 1; no other number gets longer by it
	n := bits.Len64(v) * 1233 >> 12
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

// AppendHex appends a number in hexadecimal with at least so many digits, as
// printf's %0*x.
func AppendHex(dst []byte, v uint64, digits int) []byte { return appendHex(dst, v, digits, hex) }

// AppendUpperHex is AppendHex in capitals, as printf's %0*X.
func AppendUpperHex(dst []byte, v uint64, digits int) []byte {
	return appendHex(dst, v, digits, "0123456789ABCDEF")
}

func appendHex(dst []byte, v uint64, digits int, alphabet string) []byte {
	digits = max(digits, (bits.Len64(v)+3)/4)
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, alphabet[v>>shift&15])
	}
	return dst
}

// AppendDevice appends a device number of the kernel's own form, dev_t, as
// /proc/<pid>/maps and /proc/locks have it: major:minor in hexadecimal.
func AppendDevice(dst []byte, dev uint32) []byte {
	dst = append(AppendHex(dst, uint64(dev>>20), 2), ':')
	return AppendHex(dst, uint64(dev&(1<<20-1)), 2)
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
