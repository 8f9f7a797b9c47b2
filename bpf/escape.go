// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
	"unsafe"
)

const (
	spaces = "                                                                "
	hex    = "0123456789abcdef"
)

// AppendSpaces appends n spaces, if any.
func AppendSpaces(dst []byte, n int) []byte {
	for n > len(spaces) {
		dst = append(dst, spaces...)
		n -= len(spaces)
	}
	return append(dst, spaces[:max(n, 0)]...)
}

// Chars is a C string in a char array, as the generated types have it.
func Chars(field []int8) []byte {
	return CString(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(field))), len(field)))
}

// CString is what of b stands before the first NUL.
func CString(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// AlignTail pads dst[start:] with spaces to a width, before it or behind it.
func AlignTail(dst []byte, start, width int, right bool) []byte {
	length := len(dst) - start
	if length >= width {
		return dst
	}
	dst = AppendSpaces(dst, width-length)
	if right {
		copy(dst[start+width-length:], dst[start:start+length])
		for i := range width - length {
			dst[start+i] = ' '
		}
	}
	return dst
}

// EscapeTail escapes dst[start:] as /proc/mounts does: space, tab, newline and
// backslash as a backslash and three octal digits. Other bytes that would break
// a line or a terminal are escaped likewise.
func EscapeTail(dst []byte, start int) []byte {
	return escape(dst, start, indexEscape, mustEscape)
}

// EscapeLine escapes in dst[start:], likewise, newline and backslash alone: text
// that is to be one line and is a single value.
func EscapeLine(dst []byte, start int) []byte {
	breaks := func(c byte) bool { return c == '\n' || c == '\\' }
	return escape(dst, start, func(b []byte) int { return bytes.IndexAny(b, "\n\\") }, breaks)
}

// escape escapes the bytes that must be, the first of which index finds.
func escape(dst []byte, start int, index func([]byte) int, must func(byte) bool) []byte {
	extra := 0
	for rest := dst[start:]; ; {
		i := index(rest)
		if i < 0 {
			break
		}
		extra += 3
		rest = rest[i+1:]
	}
	if extra == 0 {
		return dst
	}
	from := len(dst) - 1
	dst = AppendSpaces(dst, extra)
	to := len(dst) - 1
	for ; from >= start; from-- {
		c := dst[from]
		if !must(c) {
			dst[to] = c
			to--
			continue
		}
		dst[to-3], dst[to-2], dst[to-1], dst[to] = '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7
		to -= 4
	}
	return dst
}

// indexEscape returns where the first byte is that must be escaped, or -1. It
// looks at eight bytes at once: a table is mostly text that has none.
func indexEscape(b []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		backslash, del := x^ones*'\\', x^ones*0x7f
		// A byte less than n has a top bit in (x - n) &^ x; so has one behind it at times.
		if ((x-ones*(' '+1))&^x|(backslash-ones)&^backslash|(del-ones)&^del)&tops != 0 {
			break
		}
	}
	for ; i < len(b); i++ {
		if mustEscape(b[i]) {
			return i
		}
	}
	return -1
}

func mustEscape(c byte) bool { return c <= ' ' || c == '\\' || c == 0x7f }

// QuoteTail makes a JSON string of dst[start:]. A byte that is not UTF-8 becomes
// U+FFFD, as encoding/json has it.
func QuoteTail(dst []byte, start int) []byte {
	if plainJSON(dst[start:]) {
		dst = append(dst, `""`...)
		copy(dst[start+1:], dst[start:len(dst)-2])
		dst[start] = '"'
		dst[len(dst)-1] = '"'
		return dst
	}
	value := string(dst[start:]) // rare enough to allocate
	dst = append(dst[:start], '"')
	for i := 0; i < len(value); {
		c := value[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRuneInString(value[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
	}
	return append(dst, '"')
}

func plainJSON(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
