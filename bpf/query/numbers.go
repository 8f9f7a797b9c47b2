// SPDX-License-Identifier: Apache-2.0

package query

import (
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// Numbers are those that tasks have for a reader: of a pid namespace, which is at a
// level below the initial one. At level 0 they are the kernel's own.
type Numbers struct {
	PIDNS uint64 // where it is in the kernel
	Level uint32
}

// numbersOf are the fields that hold a number of a task, and the way from there to
// the struct pid that has those of all namespaces.
var numbersOf = map[[2]string][]step{
	{"task_struct", "pid"}:  {{'.', "thread_pid"}},
	{"task_struct", "tgid"}: {{'.', "signal"}, {'.', "pids"}, {'[', "1"}}, // PIDTYPE_TGID
}

// A pidNumber is where a struct pid has its number at a level, and the namespace.
type pidNumber struct {
	Numbers
	level, nr, ns int32 // offsets
}

// numbered makes a field that holds a number of a task, which owner is, be read
// from the task's struct pid.
func (r *resolver) numbered(f *field, owner place, way []step) error {
	for _, s := range way {
		if err := r.step(&owner, s); err != nil {
			return err
		}
	}
	t, _ := peel(owner.typ)
	p, ok := t.(*btf.Pointer)
	if !ok {
		return refuse("%s is no pointer to a struct pid in this kernel", owner.said)
	}
	if err := owner.follow(p); err != nil {
		return err
	}
	level, numbers := owner, owner
	err := level.member("level")
	if err == nil {
		err = numbers.member("numbers")
	}
	if err != nil {
		return err
	}
	var upid *btf.Struct
	if err := r.kernel.types.TypeByName("upid", &upid); err != nil {
		return refuse("no struct upid in this kernel")
	}
	nr, hasNr := findMember(upid, "nr")
	ns, hasNS := findMember(upid, "ns")
	if !hasNr || !hasNS {
		return refuse("struct upid has no nr and ns in this kernel")
	}
	at := numbers.offset + int32(r.numbers.Level*upid.Size)
	f.access = owner.access
	f.pid = &pidNumber{r.numbers, level.offset, at + int32(nr.Offset.Bytes()), at + int32(ns.Offset.Bytes())}
	return nil
}

// visible is the condition that there is the task for the reader; none where all
// tasks are, or the target visits none.
func (r *resolver) visible() ([]test, error) {
	for i := range r.ctx.objects {
		if r.ctx.objects[i].name == "task" && r.numbers.Level > 0 {
			f, err := r.field(path{steps: []step{{'.', "task"}, {'.', "pid"}}})
			return []test{{field: f, op: "!="}}, err
		}
	}
	return nil, nil
}

// number reads a task's number, which is 0 outside its namespaces: pid_nr_ns().
func (p *program) number(f *field, at int) {
	done := p.newLabel()
	part := func(offset int32, to int, size int32) {
		p.pointer(&f.access, len(f.hops))
		p.add(asm.Add.Imm(asm.R3, offset))
		p.probe(to, size)
	}
	p.address(&f.access)
	p.add(store(wordAt, 0))
	part(f.pid.level, wordAt, 4)
	p.add(asm.LoadMem(asm.R1, asm.RFP, wordAt, asm.DWord), asm.JLT.Imm(asm.R1, int32(f.pid.Level), done))
	part(f.pid.ns, wordAt, 8)
	p.add(asm.LoadMem(asm.R1, asm.RFP, wordAt, asm.DWord),
		asm.LoadImm(asm.R2, int64(f.pid.PIDNS), asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R2, done))
	part(f.pid.nr, at, f.size)
	p.here(done)
}
