// SPDX-License-Identifier: Apache-2.0

package query

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"

	"github.com/cilium/ebpf/btf"
)

// A format is how values are written. A nil function leaves it at decimal numbers.
type format struct {
	width  int // of most values
	append func(dst []byte, v uint64) []byte
	parse  func(text string) (uint64, error)
	// Of octets:
	appendOctets func(dst, value []byte) []byte
	parseOctets  func(text string, size int) ([]byte, error)
}

// formats are those that can be asked for by name.
var formats = map[string]*format{
	"hex":  {append: func(dst []byte, v uint64) []byte { return strconv.AppendUint(append(dst, "0x"...), v, 16) }},
	"oct":  {append: appendOctal},
	"char": {append: func(dst []byte, v uint64) []byte { return append(dst, byte(v)) }, parse: parseChar},
	"ip":   {width: len("255.255.255.255"), append: appendIP4, parse: parseIP4},
	"dev":  {append: appendDev, parse: parseDev},
}

var (
	booleans   = &format{parse: parseBool}
	userNames  = &format{parse: parseUser}
	groupNames = &format{parse: parseGroup}

	hexOctets = &format{appendOctets: hex.AppendEncode, parseOctets: parseHex}
	ip6Octets = &format{width: 24, appendOctets: appendIP6, parseOctets: parseIP6}
)

// formatOf is what the type of a number, and the typedefs around it, say about it.
func formatOf(t *btf.Int, around names) *format {
	switch {
	case t.Encoding == btf.Bool:
		return booleans
	case around.has("uid_t"):
		return userNames
	case around.has("gid_t"):
		return groupNames
	}
	return nil
}

// formatted says how a number is to be shown: in a format, or by the names of an
// enum, which is named itself or by one of its enumerators.
func (r *resolver) formatted(at *place, name string) error {
	if at.format = formats[name]; at.format != nil {
		return nil
	}
	var enum *btf.Enum
	if err := r.kernel.types.TypeByName(name, &enum); err != nil {
		if _, enum, err = r.kernel.enumerator(name); err != nil {
			return refuse("%s is a number: it can be shown as %s, or by the names of an enum, and %s is neither",
				at.said, "hex, oct, char, ip, dev", name)
		}
	}
	at.format = enumFormat(enum)
	return nil
}

// enumFormat shows numbers by the names of an enum. One that has no name is
// shown by those of its bits, if they all have one, else as it is.
func enumFormat(e *btf.Enum) *format {
	names := map[uint64]string{}
	for _, v := range slices.Backward(e.Values) {
		names[v.Value] = v.Name // the first of several
	}
	width := 0
	for _, v := range e.Values {
		width = max(width, len(v.Name))
	}
	return &format{
		width: min(width, 24),
		append: func(dst []byte, v uint64) []byte {
			if name, ok := names[v]; ok {
				return append(dst, name...)
			}
			start := len(dst)
			for rest := v; rest != 0; rest &= rest - 1 {
				name, ok := names[rest&-rest]
				if !ok {
					return appendDecimal(dst[:start], v, e.Signed)
				}
				if len(dst) > start {
					dst = append(dst, '|')
				}
				dst = append(dst, name...)
			}
			if len(dst) == start {
				return append(dst, '0')
			}
			return dst
		},
		parse: func(text string) (uint64, error) {
			if v, ok := valueOf(e, text); ok {
				return v, nil
			}
			return parseNumber(text)
		},
	}
}

func appendDecimal(dst []byte, v uint64, signed bool) []byte {
	if signed {
		return strconv.AppendInt(dst, int64(v), 10)
	}
	return strconv.AppendUint(dst, v, 10)
}

func appendOctal(dst []byte, v uint64) []byte {
	if v != 0 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, v, 8)
}

func appendIP4(dst []byte, v uint64) []byte {
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}).AppendTo(dst)
}

func appendIP6(dst, value []byte) []byte { return netip.AddrFrom16([16]byte(value)).AppendTo(dst) }

// The kernel's dev_t has 20 bits for the minor number.
const minorBits = 20

func appendDev(dst []byte, v uint64) []byte {
	dst = strconv.AppendUint(dst, v>>minorBits, 10)
	return strconv.AppendUint(append(dst, ':'), v&(1<<minorBits-1), 10)
}
