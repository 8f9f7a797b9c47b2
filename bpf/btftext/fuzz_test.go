// SPDX-License-Identifier: Apache-2.0

package btftext

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/iterfs/iterfs/bpf"
)

// typeMaker makes a type of a program of bytes: any that BTF can describe, sound
// or not, with types used again and within themselves.
type typeMaker struct {
	program []byte
	made    []btf.Type
}

func (m *typeMaker) next() byte {
	if len(m.program) == 0 {
		return 0
	}
	b := m.program[0]
	m.program = m.program[1:]
	return b
}

func (m *typeMaker) name() string { return []string{"a", "b", "", "char", "x y", "\\"}[m.next()%6] }

func (m *typeMaker) make() btf.Type {
	if b := m.next(); b%3 == 0 && len(m.made) > 0 {
		return m.made[int(b)/3%len(m.made)]
	}
	switch m.next() % 14 {
	case 0:
		return &btf.Float{Size: uint32(m.next() % 17)}
	case 1:
		return &btf.Pointer{Target: &btf.Void{}}
	case 2:
		return &btf.Array{Type: m.make(), Nelems: uint32(m.next()) << (m.next() % 32)}
	case 3:
		return &btf.Typedef{Type: &btf.Const{Type: m.make()}}
	case 4:
		return &btf.Enum{Size: uint32(m.next() % 17), Signed: m.next()%2 == 0, Values: []btf.EnumValue{{Name: m.name(), Value: uint64(m.next())}}}
	case 5, 6, 7:
		s := &btf.Struct{Size: uint32(m.next() % 64)}
		m.made = append(m.made, s)
		s.Members = m.members()
		return s
	case 8:
		u := &btf.Union{Size: uint32(m.next() % 64)}
		m.made = append(m.made, u)
		u.Members = m.members()
		return u
	case 9:
		d := &btf.Datasec{Size: uint32(m.next())}
		for range m.next() % 4 {
			d.Vars = append(d.Vars, btf.VarSecinfo{Type: &btf.Var{Name: m.name(), Type: m.make()}, Offset: uint32(m.next()), Size: uint32(m.next())})
		}
		return d
	case 10:
		return &btf.Fwd{}
	}
	return &btf.Int{Name: m.name(), Size: uint32(m.next() % 17), Encoding: btf.IntEncoding(m.next() % 5)}
}

func (m *typeMaker) members() (members []btf.Member) {
	for range m.next() % 8 {
		members = append(members, btf.Member{Name: m.name(), Type: m.make(), Offset: btf.Bits(m.next()) << (m.next() % 4), BitfieldSize: btf.Bits(m.next() % 70 * (m.next() % 2))})
	}
	return members
}

// Whatever the type and the bytes: no panic, JSON that is JSON, and text of one
// word.
func FuzzRender(f *testing.F) {
	f.Add([]byte("\x01\x05\x10\x02\x00\x01\x0b\x03\x04\x01\x00\x00\x00\x00"), []byte("some bytes of the value"))
	f.Add([]byte("\x01\x02\x01\x0b\x03\x01\x01\x05\x00"), []byte("text\x00\xff"))
	f.Fuzz(func(t *testing.T, program, data []byte) {
		typ := (&typeMaker{program: program}).make()
		size, err := btf.Sizeof(typ)
		if err != nil || size > 1<<16 {
			size = len(data)
		}
		for _, form := range []bpf.Form{bpf.Text, bpf.JSON} {
			p, err := New(typ, size, form)
			if err != nil {
				continue
			}
			value := make([]byte, size)
			copy(value, data)
			got := string(p.Append(nil, value))
			if form == bpf.JSON && !json.Valid([]byte(got)) {
				t.Errorf("%#v: not JSON: %s", typ, got)
			}
			if form == bpf.Text && strings.ContainsAny(got, " \t\n") {
				t.Errorf("%#v: more than a word: %q", typ, got)
			}
			p.Append(nil, data)
		}
	})
}
