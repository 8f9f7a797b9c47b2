// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// A generated path to a number: the parts of it between pointers.
type generated struct {
	Parts    []string
	Bits     bool
	enum     bool
	bigWidth int // bytes of a big-endian number
}

func (g generated) path() string { return strings.Join(g.Parts, ".") }

// asked is the path in a form that select/ shows as a plain number.
func (g generated) asked() string {
	if g.enum {
		return g.path() + ":hex"
	}
	return g.path()
}

// restless fields are of the scheduler, or count what the readers themselves do.
var restless = regexp.MustCompile(`refcnt|pagefault_disabled|last_wakee|cfs_rq|my_q|(^|\.)(se|rq|cfs|cpu_base)\.`)

// generate lists the numbers in a struct, and behind pointers that many deep.
func generate(t btf.Type, parts []string, pointers, depth int) (all []generated) {
	var members []btf.Member
	switch s := t.(type) {
	case *btf.Struct:
		members = s.Members
	case *btf.Union:
		members = s.Members
	}
	for _, m := range members {
		here := append([]string(nil), parts...)
		if m.Name != "" {
			here[len(here)-1] = strings.TrimPrefix(here[len(here)-1]+"."+m.Name, ".")
		}
		under := btf.UnderlyingType(m.Type)
		switch u := under.(type) {
		case *btf.Int:
			g := generated{Parts: here, Bits: m.BitfieldSize > 0}
			if td, ok := m.Type.(*btf.Typedef); ok && strings.HasPrefix(td.Name, "__be") {
				g.bigWidth = int(u.Size)
			}
			// Clang 14 cannot read all bit-fields.
			straddles := m.BitfieldSize > 0 && m.Offset%32+m.BitfieldSize > 32
			if m.Name != "" && u.Size <= 8 && !straddles && !restless.MatchString(g.path()) {
				all = append(all, g)
			}
		case *btf.Enum:
			if u.Size == 4 { // bpftool's header has all of that size
				all = append(all, generated{Parts: here, Bits: m.BitfieldSize > 0, enum: true})
			}
		case *btf.Struct, *btf.Union:
			if depth > 0 {
				all = append(all, generate(under, here, pointers, depth-1)...)
			}
		case *btf.Pointer:
			if target, ok := btf.UnderlyingType(u.Target).(*btf.Struct); ok && pointers > 0 {
				all = append(all, generate(target, append(here, ""), pointers-1, depth)...)
			}
		}
	}
	return all
}

// asC is the number that C would have, of what select/ shows.
func (g generated) asC(shown any) (v oracleValue, err error) {
	switch shown := shown.(type) {
	case nil:
		return oracleValue{Failed: -1}, nil
	case json.Number:
		if n, err := strconv.ParseInt(string(shown), 10, 64); err == nil {
			v.V = uint64(n)
		} else if v.V, err = strconv.ParseUint(string(shown), 10, 64); err != nil {
			return v, err
		}
	case string:
		v.V, err = strconv.ParseUint(shown, 0, 64)
	}
	return v, err
}
