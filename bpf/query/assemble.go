// SPDX-License-Identifier: Apache-2.0

package query

import (
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// assemble makes the program.
func (q *Query) assemble() asm.Instructions {
	p := &program{ctx: q.ctx, cpus: q.cpus}
	p.begin(q.used())
	for _, t := range q.tests {
		p.test(t)
	}
	if q.collects() {
		p.collect(&q.layout, q.sum)
	} else {
		for _, part := range q.layout.parts {
			p.part(part)
			p.write(-stackSize, part.size)
		}
		p.leave()
	}
	return append(p.insns, p.functions...)
}

// object is the program as the loader takes it.
func (q *Query) object() (*ebpf.CollectionSpec, error) {
	spec := &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{},
		Programs: map[string]*ebpf.ProgramSpec{programName: {
			Name: programName, Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: q.from.Name,
			Instructions: q.assemble(), License: license,
		}},
	}
	if q.collects() {
		spec.Maps[groupsMap] = groupsSpec(&q.layout)
	}
	return spec, nil
}

// used are the objects of the context that the program needs: the one that is
// visited in any case, which is NULL at the end.
func (q *Query) used() []*object {
	used := q.ctx.searched()[:1]
	for _, f := range q.all() {
		if o := f.base; o.isPointer() && !slices.Contains(used, o) {
			used = append(used, o)
		}
	}
	return used
}

// What the kernel's verifier can bear, and a little less: a million instructions,
// 8192 branches to be looked at later.
const (
	maxInsns    = 1 << 18
	maxBranches = 8000
)

// bearable refuses a program that the verifier would.
func bearable(insns asm.Instructions) error {
	branches := 0
	for _, ins := range insns {
		switch op := ins.OpCode.JumpOp(); op {
		case asm.InvalidJumpOp, asm.Ja, asm.Exit, asm.Call:
		default:
			branches++
		}
	}
	switch {
	case len(insns) > maxInsns:
		return refuse("this takes a program of %d instructions, and %d is the limit", len(insns), maxInsns)
	case branches > maxBranches:
		return refuse("this takes a program of %d branches, and %d is the limit: look for fewer texts in others", branches, maxBranches)
	}
	return nil
}
