// SPDX-License-Identifier: Apache-2.0

package query

import "github.com/cilium/ebpf/asm"

// read reads a field to the stack, of which that place is zero. R0 is then
// negative where there is no value. A number is there as 64 bits.
func (p *program) read(f *field, at int) {
	switch {
	case f.whole:
		p.fromContext(f, at)
	case f.sleeps != nil:
		p.wchan(f, at)
	case f.perCPU:
		p.sum(f, at)
	case f.pid != nil:
		p.number(f, at)
	default:
		p.address(&f.access)
		if f.kind == text {
			p.pointTo(asm.R1, at)
			p.add(asm.Mov.Imm(asm.R2, f.size), asm.FnProbeReadKernelStr.Call())
		} else {
			p.probe(at, f.size)
		}
	}
	if f.kind == number && !f.perCPU {
		p.normalize(f, at)
	}
	if f.mask != 0 {
		p.add(asm.LoadMem(asm.R1, asm.RFP, int16(at), asm.DWord),
			asm.LoadImm(asm.R2, int64(f.mask), asm.DWord),
			asm.And.Reg(asm.R1, asm.R2),
			asm.StoreMem(asm.RFP, int16(at), asm.R1, asm.DWord))
	}
}

// fromContext reads a number of the context, or the pointer to one of its objects.
func (p *program) fromContext(f *field, at int) {
	if r, ok := p.regs[f.base]; ok {
		p.add(asm.StoreMem(asm.RFP, int16(at), r, asm.DWord))
	} else {
		size := sizes[f.size]
		p.add(asm.LoadMem(asm.R1, ctxReg, f.base.offset, size), asm.StoreMem(asm.RFP, int16(at), asm.R1, size))
	}
	p.add(asm.Mov.Imm(asm.R0, 0))
}

var sizes = map[int32]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}

// normalize makes 64 bits of a number that was read as the kernel has it, R0
// apart. The shifts are those of a little-endian machine, as the programs are.
func (p *program) normalize(f *field, at int) {
	up := int32(64 - 8*f.size)
	down := up
	if f.bits > 0 {
		up, down = int32(64-f.bit-f.bits), int32(64-f.bits)
	}
	if down == 0 && !f.bigEndian || !f.signed && !f.bigEndian && f.bits == 0 {
		return
	}
	p.add(asm.LoadMem(asm.R1, asm.RFP, int16(at), asm.DWord))
	if f.bigEndian {
		p.add(asm.HostTo(asm.BE, asm.R1, sizes[f.size]))
	}
	if f.bits > 0 || f.signed {
		p.add(asm.LSh.Imm(asm.R1, up))
		if f.signed {
			p.add(asm.ArSh.Imm(asm.R1, down))
		} else {
			p.add(asm.RSh.Imm(asm.R1, down))
		}
	}
	p.add(asm.StoreMem(asm.RFP, int16(at), asm.R1, asm.DWord))
}

// sum adds up a number that each CPU has in memory of its own. With a NULL pointer
// every address is made NULL, so that nothing can be read.
func (p *program) sum(f *field, at int) {
	p.add(store(statusAt, 0))
	if f.start != nil {
		p.address(f.start)
		p.probe(at, 8)
		p.add(asm.StoreMem(asm.RFP, statusAt, asm.R0, asm.DWord))
	}
	p.address(&f.access)
	p.pointer(&f.access, len(f.hops))
	p.add(asm.Mov.Reg(asm.R1, asm.R3),
		asm.Neg.Imm(asm.R1, 0),
		asm.Or.Reg(asm.R1, asm.R3),
		asm.ArSh.Imm(asm.R1, 63),
		asm.StoreMem(asm.RFP, maskAt, asm.R1, asm.DWord))
	for _, offset := range p.cpus {
		p.pointer(&f.access, len(f.hops))
		p.add(asm.LoadImm(asm.R1, int64(offset)+int64(f.offset), asm.DWord),
			asm.Add.Reg(asm.R3, asm.R1),
			asm.LoadMem(asm.R1, asm.RFP, maskAt, asm.DWord),
			asm.And.Reg(asm.R3, asm.R1),
			store(wordAt, 0))
		p.probe(wordAt, f.size)
		p.add(asm.LoadMem(asm.R1, asm.RFP, statusAt, asm.DWord),
			asm.Or.Reg(asm.R1, asm.R0),
			asm.StoreMem(asm.RFP, statusAt, asm.R1, asm.DWord))
		p.normalize(f, wordAt)
		p.add(asm.LoadMem(asm.R1, asm.RFP, wordAt, asm.DWord),
			asm.LoadMem(asm.R2, asm.RFP, int16(at), asm.DWord),
			asm.Add.Reg(asm.R2, asm.R1),
			asm.StoreMem(asm.RFP, int16(at), asm.R2, asm.DWord))
	}
	p.add(asm.LoadMem(asm.R0, asm.RFP, statusAt, asm.DWord))
}

// part reads the columns of a part of the record to the stack, at its bottom.
func (p *program) part(part part) {
	bottom := -stackSize
	p.zero(bottom, part.size)
	for _, c := range part.columns {
		p.read(c.field, bottom+c.at-part.begin)
		p.add(asm.RSh.Imm(asm.R0, 63),
			asm.StoreMem(asm.RFP, int16(bottom+c.status-part.begin), asm.R0, asm.Byte))
	}
}

// write gives size bytes at a place of the stack to the reader.
func (p *program) write(at, size int) {
	p.add(asm.LoadMem(asm.R1, ctxReg, p.ctx.meta, asm.DWord),
		asm.LoadMem(asm.R1, asm.R1, p.ctx.seq, asm.DWord))
	p.pointTo(asm.R2, at)
	p.add(asm.Mov.Imm(asm.R3, int32(size)), asm.FnSeqWrite.Call())
}
