// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// A valueType is how a variable's value is written: numbers in decimal, members
// of enums by name, true and false, strings as they are. What is none of these, or
// has no BTF, is its bytes in hexadecimal.
type valueType struct {
	size int
	t    btf.Type // without typedefs and qualifiers; nil for bytes
}

func typeOf(v *ebpf.VariableSpec) valueType {
	t := valueType{size: len(v.Value)}
	if v.Type == nil {
		return t
	}
	switch u := btf.UnderlyingType(v.Type.Type).(type) {
	case *btf.Int:
		if u.Size <= 8 {
			t.t = u
		}
	case *btf.Enum:
		t.t = u
	case *btf.Array:
		if isChar(u.Type) {
			t.t = u
		}
	}
	return t
}

func isChar(t btf.Type) bool {
	i, ok := btf.UnderlyingType(t).(*btf.Int)
	return ok && i.Name == "char"
}

func (t valueType) append(dst, value []byte) []byte {
	switch u := t.t.(type) {
	case *btf.Int:
		if u.Encoding == btf.Bool {
			return strconv.AppendBool(dst, load(value) != 0)
		}
		return appendInteger(dst, value, u.Encoding == btf.Signed)
	case *btf.Enum:
		for _, v := range u.Values {
			if bytes.Equal(store(v.Value, t.size), value) {
				return append(dst, v.Name...)
			}
		}
		return appendInteger(dst, value, u.Signed)
	case *btf.Array:
		if i := bytes.IndexByte(value, 0); i >= 0 {
			value = value[:i]
		}
		return append(dst, value...)
	}
	return hex.AppendEncode(dst, value)
}

// parse is the value of a text, which may end in a newline.
func (t valueType) parse(text []byte) ([]byte, error) {
	text = bytes.TrimSuffix(text, []byte("\n"))
	word := string(bytes.TrimSpace(text))
	switch u := t.t.(type) {
	case *btf.Int:
		if u.Encoding == btf.Bool {
			b, err := strconv.ParseBool(word)
			if err != nil {
				return nil, fmt.Errorf("%q is neither true nor false: %w", word, unix.EINVAL)
			}
			return []byte{map[bool]byte{true: 1}[b]}, nil
		}
		return parseInteger(word, t.size, u.Encoding == btf.Signed)
	case *btf.Enum:
		i := slices.IndexFunc(u.Values, func(v btf.EnumValue) bool { return v.Name == word })
		if i >= 0 {
			return store(u.Values[i].Value, t.size), nil
		}
		return parseInteger(word, t.size, u.Signed)
	case *btf.Array:
		if len(text) >= t.size {
			return nil, fmt.Errorf("a string of %d bytes, of at most %d: %w", len(text), t.size-1, unix.ERANGE)
		}
		return append(slices.Clone(text), make([]byte, t.size-len(text))...), nil
	}
	value, err := hex.DecodeString(word)
	if err != nil || len(value) != t.size {
		return nil, fmt.Errorf("not %d bytes in hexadecimal: %w", t.size, unix.EINVAL)
	}
	return value, nil
}

// parseInteger takes decimal, and with 0x, 0o and 0b other numbers.
func parseInteger(word string, size int, signed bool) ([]byte, error) {
	var n uint64
	var err error
	if signed {
		var i int64
		i, err = strconv.ParseInt(word, 0, size*8)
		n = uint64(i)
	} else {
		n, err = strconv.ParseUint(word, 0, size*8)
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return nil, fmt.Errorf("%s does not fit into %d bytes: %w", word, size, unix.ERANGE)
	case err != nil:
		return nil, fmt.Errorf("%q is not a value of the type: %w", word, unix.EINVAL)
	}
	return store(n, size), nil
}

func appendInteger(dst, value []byte, signed bool) []byte {
	n := load(value)
	if signed {
		shift := 64 - 8*len(value)
		return strconv.AppendInt(dst, int64(n)<<shift>>shift, 10)
	}
	return strconv.AppendUint(dst, n, 10)
}

// load reads an integer of 1, 2, 4 or 8 bytes, and store makes one.
func load(value []byte) uint64 {
	switch len(value) {
	case 1:
		return uint64(value[0])
	case 2:
		return uint64(binary.NativeEndian.Uint16(value))
	case 4:
		return uint64(binary.NativeEndian.Uint32(value))
	}
	return binary.NativeEndian.Uint64(value)
}

func store(n uint64, size int) []byte {
	switch size {
	case 1:
		return []byte{byte(n)}
	case 2:
		return binary.NativeEndian.AppendUint16(nil, uint16(n))
	case 4:
		return binary.NativeEndian.AppendUint32(nil, uint32(n))
	}
	return binary.NativeEndian.AppendUint64(nil, n)
}
