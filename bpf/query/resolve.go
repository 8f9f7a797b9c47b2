// SPDX-License-Identifier: Apache-2.0

package query

import (
	"slices"
	"strconv"

	"github.com/cilium/ebpf/btf"
)

// maxOffset is the farthest from a pointer that anything is read.
const maxOffset = 1 << 28

// An access is how a program comes to the address of something: from an object
// of its context over hops to the last one's offset.
type access struct {
	base   *object
	hops   []hop
	offset int32 // bytes
}

// A hop makes a pointer: it reads the one that lies offset bytes behind the
// pointer before, or with a cast is that place itself, seen as another type.
type hop struct {
	offset int32
	cast   *cast
}

// hop goes on by a hop, of which other accesses that begin alike know nothing.
func (a *access) hop(h hop) { a.hops, a.offset = append(slices.Clip(a.hops), h), 0 }

// A place is where the steps of a path have led so far.
type place struct {
	access
	typ     btf.Type
	said    string // the path up to here
	inside  bool   // of the base object, which at first is a pointer in the context
	bit     uint32 // where a bit-field begins, in its first byte
	bits    uint32 // its size, 0 for anything else
	address bool   // a number that is an address, though not by its type
	perCPU  bool   // the last pointer is one into each CPU's own memory
	mask    uint64 // 0 for none
	format  *format
	sleeps  *access // of a task's :wchan, where its state is
}

// addresses are the numbers that hold one of the kernel's addresses.
var addresses = map[[2]string]bool{
	{"kallsym_iter", "value"}: true,
}

// A resolver resolves the paths of one query.
type resolver struct {
	kernel *Kernel
	ctx    *bpfContext
}

// resolve finds a path in the kernel's types.
func (r *resolver) resolve(p path) (place, error) {
	at, err := r.first(p.steps[0].arg)
	for _, s := range p.steps[1:] {
		if err != nil {
			break
		}
		switch {
		case at.mask != 0 && s.op != ':', at.format != nil:
			err = refuse("%s is a number, and nothing can follow it", at.said)
		case s.op == '.':
			err = at.member(s.arg)
		case s.op == '[':
			err = r.element(&at, s.arg)
		case s.op == '&':
			err = at.masked(s.arg)
		case s.op == ':':
			err = r.seenAs(&at, s.arg)
		}
		at.said += s.String()
	}
	return at, err
}

// first is where a path begins: an object of the context, or a field of one.
func (r *resolver) first(name string) (place, error) {
	for i := range r.ctx.objects {
		if o := &r.ctx.objects[i]; o.name == name {
			return place{access: access{base: o}, typ: o.typ, said: name}, nil
		}
	}
	var types []btf.Type
	for _, o := range r.ctx.searched() {
		at := place{access: access{base: o}, typ: o.typ}
		err := at.member(name)
		if err == nil {
			at.said = name
			return at, nil
		}
		types = append(types, at.typ)
	}
	return place{}, noField("", name, types...)
}

// follow reads the pointer at the place. The pointer to an object of the context
// is there already.
func (at *place) follow(p *btf.Pointer) error {
	if at.perCPU {
		return refuse("%s is a pointer in per-CPU memory, which cannot be followed", at.said)
	}
	target, tags := peel(p.Target)
	if !at.inside {
		at.inside, at.typ = true, target
		return nil
	}
	at.hop(hop{offset: at.offset})
	at.typ, at.perCPU = target, tags.has("percpu")
	return nil
}

// member goes on to a member of a struct or union, or of what a pointer leads to.
func (at *place) member(name string) error {
	t, _ := peel(at.typ)
	if p, ok := t.(*btf.Pointer); ok {
		if err := at.follow(p); err != nil {
			return err
		}
		t = at.typ
	}
	if fwd, ok := t.(*btf.Fwd); ok {
		return refuse("this kernel's BTF does not tell what is in %s", cType(fwd))
	}
	if members(t) == nil {
		return refuse("%s is %s, which has no field %s", at.said, cType(at.typ), name)
	}
	m, ok := findMember(t, name)
	if !ok {
		return noField(at.said, name, t)
	}
	at.typ, at.bits, at.bit = m.Type, uint32(m.BitfieldSize), uint32(m.Offset%8)
	at.address = addresses[[2]string{t.TypeName(), name}]
	return at.add(int64(m.Offset.Bytes()))
}

// element goes on to an element of an array, or of what a pointer leads to.
func (r *resolver) element(at *place, index string) error {
	i, err := strconv.ParseUint(index, 0, 32)
	if err != nil {
		if i, _, err = r.kernel.enumerator(index); err != nil {
			return err
		}
	}
	if i > maxOffset {
		return refuse("[%s] lies too far from %s", index, at.said)
	}
	t, _ := peel(at.typ)
	switch v := t.(type) {
	case *btf.Array:
		if v.Nelems > 0 && i >= uint64(v.Nelems) {
			return refuse("%s is an array of %d: it has no [%s]", at.said, v.Nelems, index)
		}
		at.typ = v.Type
	case *btf.Pointer:
		if err := at.follow(v); err != nil {
			return err
		}
	default:
		return refuse("%s is %s, and no array", at.said, cType(at.typ))
	}
	size, err := btf.Sizeof(at.typ)
	if err != nil || size == 0 {
		return refuse("this kernel's BTF does not tell the size of %s", cType(at.typ))
	}
	return at.add(int64(i) * int64(size))
}

func (at *place) add(bytes int64) error {
	sum := int64(at.offset) + bytes
	if sum > maxOffset {
		return refuse("what follows %s lies too far from it", at.said)
	}
	at.offset = int32(sum)
	return nil
}

// masked takes some bits of a number.
func (at *place) masked(mask string) error {
	at.unwrap()
	t, _ := peel(at.typ)
	switch t.(type) {
	case *btf.Int, *btf.Enum:
	default:
		return refuse("%s is %s, of which no bits can be taken", at.said, cType(at.typ))
	}
	var err error
	if at.mask, err = strconv.ParseUint(mask, 0, 64); err != nil || at.mask == 0 {
		return refuse("%s is not a number of which bits could be taken", mask)
	}
	return nil
}

// unwrap goes on to the only member of a struct, as often as it has only one:
// kuid_t, atomic_t and refcount_t are the number that they hold.
func (at *place) unwrap() {
	for {
		t, _ := peel(at.typ)
		s, ok := t.(*btf.Struct)
		if !ok || len(s.Members) != 1 || s.Members[0].BitfieldSize > 0 || opaque[s.Name] {
			return
		}
		if under, _ := peel(s.Members[0].Type); members(under) != nil && s.Members[0].Name == "" {
			return
		}
		at.typ = s.Members[0].Type
	}
}
