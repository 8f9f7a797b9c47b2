// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"unicode/utf8"
	"unsafe"
)

const (
	spaces = "                                                                "
	hex    = "0123456789abcdef"
)

func appendSpaces(dst []byte, n int) []byte {
	for n > len(spaces) {
		dst = append(dst, spaces...)
		n -= len(spaces)
	}
	return append(dst, spaces[:n]...)
}

// Chars is a C string in a char array, as the generated types have it.
func Chars(field []int8) []byte {
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(field))), len(field))
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// escapeTail escapes dst[start:] as /proc/mounts does: space, tab, newline and
// backslash as a backslash and three octal digits. Other bytes that would break
// a line or a terminal are escaped likewise.
func escapeTail(dst []byte, start int) []byte {
	return escape(dst, start, func(c byte) bool { return c <= ' ' || c == '\\' || c == 0x7f })
}

// EscapeLine escapes in dst[start:], likewise, newline and backslash alone: text
// that is to be one line and is a single value.
func EscapeLine(dst []byte, start int) []byte {
	return escape(dst, start, func(c byte) bool { return c == '\n' || c == '\\' })
}

func escape(dst []byte, start int, must func(c byte) bool) []byte {
	extra := 0
	for _, c := range dst[start:] {
		if must(c) {
			extra += 3
		}
	}
	if extra == 0 {
		return dst
	}
	from := len(dst) - 1
	dst = appendSpaces(dst, extra)
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

// quoteTail makes a JSON string of dst[start:]. A byte that is not UTF-8 becomes
// U+FFFD, as encoding/json has it.
func quoteTail(dst []byte, start int) []byte {
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
