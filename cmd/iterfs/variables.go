// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/btftext"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/loader/userobj"
)

// variables generates the files of an object's variables.
func (s *system) variables(_ context.Context, r fs.Request, _ string) iter.Seq2[fs.Object, error] {
	return func(yield func(fs.Object, error) bool) {
		o, err := s.objectIn(r, 1)
		if err != nil {
			yield(fs.Object{}, err)
			return
		}
		for _, v := range o.Variables() {
			if !yield(fs.Object{Name: v.Name, Birth: o.Birth, Modified: o.Loaded}, nil) {
				return
			}
		}
	}
}

// variable finds the one that a request is for.
func (s *system) variable(r fs.Request) (*userobj.Object, userobj.Variable, error) {
	o, err := s.objectIn(r, 2)
	if err != nil {
		return nil, userobj.Variable{}, err
	}
	all := o.Variables()
	i := slices.IndexFunc(all, func(v userobj.Variable) bool { return v.Name == last(r).Name })
	if i < 0 {
		return nil, userobj.Variable{}, fmt.Errorf("the object has no such variable any more: %w", unix.ENOENT)
	}
	return o, all[i], nil
}

func (s *system) openVariable(_ context.Context, r fs.Request) (fs.Stream, error) {
	o, v, err := s.variable(r)
	if err != nil {
		return nil, err
	}
	value, err := o.Value(v.Name)
	return fs.Text(append(appendValue(nil, v, value), '\n')), err
}

func (s *system) writeVariable(_ context.Context, r fs.Request) (fs.Sink, error) {
	return func(_ context.Context, text []byte) error {
		o, v, err := s.variable(r)
		if err != nil {
			return err
		}
		value, err := parseValue(v, text)
		if err != nil {
			s.user.Failures.Add(o.Name+"/vars/"+v.Name, err)
		} else {
			err = s.user.SetValue(o.Name, v.Name, value)
		}
		return fs.Told(err)
	}, s.mayLoad(r.Caller)
}

// appendValue appends a value as its type has it: a string as it is, all else as
// in tables; what has no type in hexadecimal.
func appendValue(dst []byte, v userobj.Variable, value []byte) []byte {
	if v.Type == nil {
		return hex.AppendEncode(dst, value)
	}
	if isString(v.Type) {
		text, _, _ := bytes.Cut(value, []byte{0})
		return append(dst, text...)
	}
	p, err := btftext.New(v.Type, v.Size, bpf.Text)
	if err != nil {
		return hex.AppendEncode(dst, value)
	}
	return p.Append(dst, value)
}

func isString(t btf.Type) bool {
	a, ok := btf.UnderlyingType(t).(*btf.Array)
	if !ok {
		return false
	}
	i, ok := btf.UnderlyingType(a.Type).(*btf.Int)
	return ok && i.Name == "char"
}

// parseValue is the value of a text, which may end in a newline: a number, the name
// of an enum's member, true or false, a string as it is; of other types the bytes
// in hexadecimal. It is EINVAL for what is none, ERANGE for what does not fit.
func parseValue(v userobj.Variable, text []byte) ([]byte, error) {
	text = bytes.TrimSuffix(text, []byte("\n"))
	word := string(bytes.TrimSpace(text))
	if v.Type != nil && isString(v.Type) {
		if len(text) >= v.Size {
			return nil, fmt.Errorf("a string of %d bytes, of at most %d: %w", len(text), v.Size-1, unix.ERANGE)
		}
		return append(slices.Clone(text), make([]byte, v.Size-len(text))...), nil
	}
	if v.Type != nil && v.Size <= 8 {
		switch t := btf.UnderlyingType(v.Type).(type) {
		case *btf.Int:
			if t.Encoding != btf.Bool {
				return parseInteger(word, v.Size, t.Encoding == btf.Signed)
			}
			b, err := strconv.ParseBool(word)
			if err != nil {
				return nil, fmt.Errorf("%q is neither true nor false: %w", word, unix.EINVAL)
			}
			return []byte{map[bool]byte{true: 1}[b]}, nil
		case *btf.Enum:
			i := slices.IndexFunc(t.Values, func(v btf.EnumValue) bool { return v.Name == word })
			if i >= 0 {
				return integer(t.Values[i].Value, v.Size), nil
			}
			return parseInteger(word, v.Size, t.Signed)
		}
	}
	value, err := hex.DecodeString(word)
	if err != nil || len(value) != v.Size {
		return nil, fmt.Errorf("not %d bytes in hexadecimal: %w", v.Size, unix.EINVAL)
	}
	return value, nil
}

// parseInteger takes decimal numbers, and with 0x, 0o and 0b others.
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
	return integer(n, size), nil
}

// integer is a number as BPF programs have it, little-endian as all of iterfs.
func integer(n uint64, size int) []byte { return binary.LittleEndian.AppendUint64(nil, n)[:size] }
