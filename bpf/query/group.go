// SPDX-License-Identifier: Apache-2.0

package query

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

const (
	// maxGroups is how many rows a program can collect in its map.
	maxGroups = 1 << 16
	groupsMap = "groups"
	// totals is the size of a group's value: how many objects it has, and their sum.
	totals = 16
)

// collect keeps the record in the program's map instead of writing it, and counts
// there how often it came. Nothing that was counted is rolled back and counted
// again, since nothing is written. If the map is full a byte is, to say so.
func (p *program) collect(l *layout, sum *field) {
	p.add(store(totalsAt, 1), store(totalsAt+8, 0))
	if sum != nil {
		p.read(sum, totalsAt+8)
		there := p.newLabel()
		p.add(asm.JSGE.Imm(asm.R0, 0, there))
		p.leave()
		p.here(there)
	}
	p.part(l.parts[0])
	found, done := p.newLabel(), p.newLabel()
	p.add(asm.LoadMapPtr(asm.R1, 0).WithReference(groupsMap))
	p.pointTo(asm.R2, -stackSize)
	p.add(asm.FnMapLookupElem.Call(), asm.JNE.Imm(asm.R0, 0, found))
	p.pointTo(asm.R2, -stackSize)
	p.pointTo(asm.R3, totalsAt)
	p.add(asm.LoadMapPtr(asm.R1, 0).WithReference(groupsMap),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
		asm.JEq.Imm(asm.R0, 0, done))
	p.write(totalsAt, 1)
	p.add(asm.Ja.Label(done))
	p.here(found)
	for i := range int16(2) {
		p.add(asm.LoadMem(asm.R1, asm.R0, 8*i, asm.DWord),
			asm.LoadMem(asm.R2, asm.RFP, totalsAt+8*i, asm.DWord),
			asm.Add.Reg(asm.R1, asm.R2),
			asm.StoreMem(asm.R0, 8*i, asm.R1, asm.DWord))
	}
	p.here(done)
	p.leave()
}

// groupsSpec is the map of a program that collects.
func groupsSpec(l *layout) *ebpf.MapSpec {
	return &ebpf.MapSpec{Name: groupsMap, Type: ebpf.Hash, KeySize: uint32(l.size), ValueSize: totals,
		MaxEntries: maxGroups, Flags: unix.BPF_F_NO_PREALLOC}
}
