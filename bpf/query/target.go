// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"

	"github.com/cilium/ebpf/btf"
)

// A Target is an iterator target whose objects can be asked for fields.
type Target struct {
	// Name is the kernel's, Since the first release that has it.
	Name, Since string
	// PerNetNS says that it visits what is in a network namespace: the reader's.
	PerNetNS bool
	// bounded says that the kernel gives up after one buffer of output, so that rows
	// are collected in a map instead. It leads to a number that no two objects share.
	bounded []step
}

// Targets are those whose context holds kernel objects, apart from the ones that
// need a map to be attached to.
var Targets = []Target{
	{Name: "task", Since: "5.8"},
	{Name: "task_file", Since: "5.8"},
	{Name: "task_vma", Since: "5.12"},
	{Name: "tcp", Since: "5.9", PerNetNS: true},
	{Name: "udp", Since: "5.9", PerNetNS: true},
	{Name: "unix", Since: "5.15", PerNetNS: true},
	{Name: "netlink", Since: "5.8", PerNetNS: true},
	{Name: "ipv6_route", Since: "5.8", PerNetNS: true},
	{Name: "bpf_map", Since: "5.8"},
	{Name: "bpf_prog", Since: "5.9"},
	{Name: "bpf_link", Since: "5.19"},
	{Name: "cgroup", Since: "6.1", bounded: []step{{'.', "kn"}, {'.', "id"}}},
	{Name: "ksym", Since: "6.0"},
	{Name: "kmem_cache", Since: "6.13"},
	{Name: "dmabuf", Since: "6.16"},
}

// An object is what a member of a target's context is: a kernel object behind a
// pointer, or a number.
type object struct {
	name   string
	offset int16 // in the context
	typ    btf.Type
}

// isPointer says that it is an object, and not a number that lies in the context.
func (o *object) isPointer() bool {
	_, ok := o.typ.(*btf.Pointer)
	return ok
}

// A bpfContext is what the kernel gives to each run of a program.
type bpfContext struct {
	meta    int16 // the offset of what leads to the seq_file
	seq     int16
	objects []object // in the kernel's order
}

// contextOf reads struct bpf_iter__NAME, which declares what programs are given.
func contextOf(types *btf.Spec, name string) (*bpfContext, error) {
	var s, meta *btf.Struct
	err := errors.Join(types.TypeByName("bpf_iter__"+name, &s), types.TypeByName("bpf_iter_meta", &meta))
	if err != nil {
		return nil, err
	}
	c := &bpfContext{}
	if seq, ok := findMember(meta, "seq"); ok {
		c.seq = int16(seq.Offset.Bytes())
	}
	for _, m := range flatten(s) {
		o := object{m.Name, int16(m.Offset.Bytes()), m.Type}
		t, _ := peel(m.Type)
		_, number := t.(*btf.Int)
		switch {
		case m.Name == "meta":
			c.meta = o.offset
		case o.isPointer() || number:
			c.objects = append(c.objects, o)
		}
	}
	return c, nil
}

// searched are the objects in the order in which their fields are looked for
// when a path names none: the one that the target visits is the last pointer.
func (c *bpfContext) searched() (objects []*object) {
	for i := len(c.objects) - 1; i >= 0; i-- {
		if o := &c.objects[i]; o.isPointer() {
			objects = append(objects, o)
		}
	}
	return objects
}
