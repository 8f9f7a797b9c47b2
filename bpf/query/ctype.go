// SPDX-License-Identifier: Apache-2.0

package query

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// names are the typedefs and type tags that lie around a type.
type names []string

func (n names) has(name string) bool { return slices.Contains(n, name) }

// peel takes qualifiers, typedefs and tags off a type, and tells which they were.
func peel(t btf.Type) (btf.Type, names) {
	var around names
	for {
		switch v := t.(type) {
		case *btf.Typedef:
			around, t = append(around, v.Name), v.Type
		case *btf.TypeTag:
			around, t = append(around, v.Value), v.Type
		case *btf.Const:
			t = v.Type
		case *btf.Volatile:
			t = v.Type
		case *btf.Restrict:
			t = v.Type
		default:
			return t, around
		}
	}
}

// members are those of a struct or union; nil for other types.
func members(t btf.Type) []btf.Member {
	switch v := t.(type) {
	case *btf.Struct:
		return v.Members
	case *btf.Union:
		return v.Members
	}
	return nil
}

// findMember finds a member by name, also in anonymous structs and unions, with
// its offset from the start of t.
func findMember(t btf.Type, name string) (btf.Member, bool) {
	for _, m := range members(t) {
		if m.Name == name {
			return m, true
		}
		if m.Name != "" {
			continue
		}
		inner, _ := peel(m.Type)
		if found, ok := findMember(inner, name); ok {
			found.Offset += m.Offset
			return found, true
		}
	}
	return btf.Member{}, false
}

// flatten lists the members that findMember finds, with their offsets from the
// start of t.
func flatten(t btf.Type) (all []btf.Member) {
	for _, m := range members(t) {
		if m.Name != "" {
			all = append(all, m)
			continue
		}
		inner, _ := peel(m.Type)
		for _, sub := range flatten(inner) {
			sub.Offset += m.Offset
			all = append(all, sub)
		}
	}
	return all
}

// cType spells a type as C does.
func cType(t btf.Type) string { return declare(t, "") }

// declare spells the declaration of a name in C.
func declare(t btf.Type, name string) string {
	switch v := t.(type) {
	case *btf.Pointer:
		name = "*" + name
		switch v.Target.(type) {
		case *btf.FuncProto, *btf.Array:
			name = "(" + name + ")"
		}
		return declare(v.Target, name)
	case *btf.Array:
		return declare(v.Type, name+"["+strconv.Itoa(int(v.Nelems))+"]")
	case *btf.FuncProto:
		var params []string
		for _, p := range v.Params {
			params = append(params, cType(p.Type))
		}
		return declare(v.Return, name+"("+strings.Join(params, ", ")+")")
	case *btf.Const:
		return qualify("const", v.Type, name)
	case *btf.Volatile:
		return qualify("volatile", v.Type, name)
	case *btf.Restrict:
		return declare(v.Type, name)
	case *btf.TypeTag:
		return declare(v.Type, name)
	}
	word := baseName(t)
	switch {
	case name == "":
		return word
	case name[0] == '[':
		return word + name
	}
	return word + " " + name
}

// qualify puts const before what it qualifies, or behind the star of a pointer.
func qualify(word string, t btf.Type, name string) string {
	if _, pointer := t.(*btf.Pointer); pointer {
		return declare(t, strings.TrimSpace(word+" "+name))
	}
	return word + " " + declare(t, name)
}

func baseName(t btf.Type) string {
	switch v := t.(type) {
	case *btf.Struct:
		return named("struct", v.Name)
	case *btf.Union:
		return named("union", v.Name)
	case *btf.Enum:
		return named("enum", v.Name)
	case *btf.Fwd:
		return named(v.Kind.String(), v.Name)
	case *btf.Void, nil:
		return "void"
	}
	return t.TypeName()
}

func named(keyword, name string) string {
	if name == "" {
		return keyword + " {}"
	}
	return keyword + " " + name
}
