// SPDX-License-Identifier: Apache-2.0

package query

import (
	"slices"

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
	owner   *place  // of a number of a task, where the task is
	way     []step  // and how to get from there to its struct pid
}

// addresses are the numbers that hold one of the kernel's addresses.
var addresses = map[[2]string]bool{
	{"kallsym_iter", "value"}: true,
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
	if at.way = numbersOf[[2]string{t.TypeName(), name}]; at.way != nil {
		owner := *at
		owner.typ = t
		at.owner = &owner
	}
	at.typ, at.bits, at.bit = m.Type, uint32(m.BitfieldSize), uint32(m.Offset%8)
	at.address = addresses[[2]string{t.TypeName(), name}]
	return at.add(int64(m.Offset.Bytes()))
}

func (at *place) add(bytes int64) error {
	sum := int64(at.offset) + bytes
	if sum > maxOffset {
		return refuse("what follows %s lies too far from it", at.said)
	}
	at.offset = int32(sum)
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
