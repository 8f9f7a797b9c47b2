// SPDX-License-Identifier: Apache-2.0

package query

import (
	"strconv"

	"github.com/cilium/ebpf/btf"
)

// A resolver resolves the paths of one query.
type resolver struct {
	kernel  *Kernel
	ctx     *bpfContext
	numbers Numbers
}

// resolve finds a path in the kernel's types.
func (r *resolver) resolve(p path) (place, error) {
	at, err := r.first(p.steps[0].arg)
	for _, s := range p.steps[1:] {
		if err != nil {
			break
		}
		err = r.step(&at, s)
	}
	return at, err
}

// step goes on by one step.
func (r *resolver) step(at *place, s step) (err error) {
	switch {
	case at.mask != 0 && s.op != ':', at.format != nil:
		err = refuse("%s is a number, and nothing can follow it", at.said)
	case s.op == '.':
		err = at.member(s.arg)
	case s.op == '[':
		err = r.element(at, s.arg)
	case s.op == '&':
		err = at.masked(s.arg)
	case s.op == ':':
		err = r.seenAs(at, s.arg)
	}
	at.said += s.String()
	return err
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
