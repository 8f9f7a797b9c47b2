// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// perCPUOffsets finds out what has to be added to a per-CPU pointer to have each
// possible CPU's own. The kernel does not export them; but a program that looks
// up an element of a per-CPU array for a CPU gets an address, of which the
// array's own per-CPU pointer is the other part.
func perCPUOffsets() ([]uint64, error) {
	pptrs, err := pptrsOffset()
	if err != nil {
		return nil, err
	}
	n, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, err
	}
	elements, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return nil, err
	}
	defer elements.Close()
	found, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: uint32(n)})
	if err != nil {
		return nil, err
	}
	defer found.Close()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.RawTracepoint, License: license,
		Instructions: offsetsProgram(elements.FD(), found.FD(), n, pptrs),
	})
	if err != nil {
		return nil, fmt.Errorf("find the CPUs' memory: %w", err)
	}
	defer p.Close()
	if status, err := p.Run(&ebpf.RunOptions{}); err != nil || status != 0 {
		return nil, fmt.Errorf("find the CPUs' memory: status %d, %w", status, err)
	}
	offsets := make([]uint64, n)
	for i := range offsets {
		if err := found.Lookup(uint32(i), &offsets[i]); err != nil {
			return nil, err
		}
	}
	return offsets, nil
}

// pptrsOffset is where a struct bpf_array has the per-CPU pointer of its first element.
func pptrsOffset() (int32, error) {
	types, err := btf.LoadKernelSpec()
	if err != nil {
		return 0, err
	}
	var array *btf.Struct
	if err := types.TypeByName("bpf_array", &array); err != nil {
		return 0, err
	}
	m, ok := findMember(array, "pptrs")
	if !ok {
		return 0, errors.New("struct bpf_array has no pptrs")
	}
	return int32(m.Offset.Bytes()), nil
}

// offsetsProgram stores in an array what each CPU's element is away from the
// per-CPU pointer. Reading an address from the stack makes a number of it.
func offsetsProgram(elements, found, cpus int, pptrs int32) asm.Instructions {
	p := &program{}
	p.add(asm.LoadMapPtr(asm.R1, elements), asm.StoreMem(asm.RFP, wordAt, asm.R1, asm.DWord))
	p.pointTo(asm.R3, wordAt)
	p.probe(wordAt, 8)
	p.add(asm.LoadMem(asm.R3, asm.RFP, wordAt, asm.DWord), asm.Add.Imm(asm.R3, pptrs))
	p.probe(wordAt, 8)
	p.add(asm.LoadMem(asm.R6, asm.RFP, wordAt, asm.DWord))
	failed := p.newLabel()
	for cpu := range cpus {
		p.add(asm.StoreImm(asm.RFP, statusAt, 0, asm.Word))
		p.pointTo(asm.R2, statusAt)
		p.add(asm.LoadMapPtr(asm.R1, elements),
			asm.Mov.Imm(asm.R3, int32(cpu)),
			asm.FnMapLookupPercpuElem.Call(),
			asm.JEq.Imm(asm.R0, 0, failed),
			asm.StoreMem(asm.RFP, wordAt, asm.R0, asm.DWord))
		p.pointTo(asm.R3, wordAt)
		p.probe(wordAt, 8)
		p.add(asm.LoadMem(asm.R1, asm.RFP, wordAt, asm.DWord),
			asm.Sub.Reg(asm.R1, asm.R6),
			asm.StoreMem(asm.RFP, wordAt, asm.R1, asm.DWord),
			asm.StoreImm(asm.RFP, statusAt, int64(cpu), asm.Word))
		p.pointTo(asm.R2, statusAt)
		p.pointTo(asm.R3, wordAt)
		p.add(asm.LoadMapPtr(asm.R1, found), asm.Mov.Imm(asm.R4, 0), asm.FnMapUpdateElem.Call(), asm.JNE.Imm(asm.R0, 0, failed))
	}
	p.leave()
	p.here(failed)
	p.add(asm.Mov.Imm(asm.R0, 1), asm.Return())
	return p.insns
}
