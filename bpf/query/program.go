// SPDX-License-Identifier: Apache-2.0

package query

import (
	"strconv"

	"github.com/cilium/ebpf/asm"
)

// ctxReg holds the program's context. The objects of the context that are used
// follow it, and keep their registers.
const ctxReg = asm.R6

// objectRegs are for objects of the context.
var objectRegs = []asm.Register{asm.R7, asm.R8, asm.R9}

// A program is being assembled. Everything behind a pointer is read by
// bpf_probe_read_kernel, which every kernel's verifier takes for whatever address,
// and which says so when there is nothing to be read: a NULL pointer on the way
// needs no branch, since what is read through it fails as well. Programs are thus
// straight lines, and conditions the only branches.
type program struct {
	insns  asm.Instructions
	ctx    *bpfContext
	regs   map[*object]asm.Register
	cpus   []uint64 // the offset of each CPU's memory
	hops   []hop    // whose pointers are on the stack
	origin *object  // what the hops begin at
	labels int
	label  string // of the next instruction

	functions asm.Instructions // that are called
}

func (p *program) add(insns ...asm.Instruction) {
	for _, ins := range insns {
		if p.label != "" {
			ins = ins.WithSymbol(p.label)
			p.label = ""
		}
		p.insns = append(p.insns, ins)
	}
}

// newLabel makes a label; here puts it before the next instruction.
func (p *program) newLabel() string {
	p.labels++
	return "l" + strconv.Itoa(p.labels)
}

func (p *program) here(label string) {
	if p.label != "" {
		p.add(asm.Mov.Reg(asm.R0, asm.R0))
	}
	p.label = label
}

// leave ends the program: nothing more of the object.
func (p *program) leave() { p.add(asm.Mov.Imm(asm.R0, 0), asm.Return()) }

// begin takes the objects out of the context. One that is NULL is the end.
func (p *program) begin(used []*object) {
	p.add(asm.Mov.Reg(ctxReg, asm.R1))
	p.regs = map[*object]asm.Register{}
	for i, o := range used {
		r := objectRegs[i]
		p.regs[o] = r
		there := p.newLabel()
		p.add(asm.LoadMem(r, ctxReg, o.offset, asm.DWord), asm.JNE.Imm(r, 0, there))
		p.leave()
		p.here(there)
	}
}

// pointTo makes a register point to a place on the stack.
func (p *program) pointTo(r asm.Register, at int) {
	p.add(asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, int32(at)))
}

// store stores a number of 64 bits on the stack, which the library's StoreImm
// does not, though the kernel does.
func store(at int, v int64) asm.Instruction {
	return asm.Instruction{OpCode: asm.StoreImmOp(asm.DWord), Dst: asm.RFP, Offset: int16(at), Constant: v}
}

// zero clears a stretch of the stack.
func (p *program) zero(at, size int) {
	for i := 0; i < size; i += 8 {
		p.add(store(at+i, 0))
	}
}

// probe reads from R3 to the stack. R0 is negative when that cannot be.
func (p *program) probe(at int, size int32) {
	p.pointTo(asm.R1, at)
	p.add(asm.Mov.Imm(asm.R2, size), asm.FnProbeReadKernel.Call())
}

// slotOf is where the pointer of hop i is on the stack.
func slotOf(i int) int { return hopsAt - 8*(i+1) }

// address makes R3 point to what an access leads to. Hops that it has in common
// with the access before are not made again.
func (p *program) address(a *access) {
	common := 0
	if p.origin == a.base {
		for common < min(len(a.hops), len(p.hops)) && a.hops[common].same(p.hops[common]) {
			common++
		}
	}
	for i := common; i < len(a.hops); i++ {
		p.pointer(a, i)
		p.add(asm.Add.Imm(asm.R3, a.hops[i].offset))
		if c := a.hops[i].cast; c != nil {
			p.cast(c, slotOf(i))
		} else {
			p.probe(slotOf(i), 8)
		}
	}
	p.origin, p.hops = a.base, a.hops
	p.pointer(a, len(a.hops))
	p.add(asm.Add.Imm(asm.R3, a.offset))
}

// pointer loads into R3 the pointer that hop i begins at.
func (p *program) pointer(a *access, i int) {
	if i == 0 {
		p.add(asm.Mov.Reg(asm.R3, p.regs[a.base]))
	} else {
		p.add(asm.LoadMem(asm.R3, asm.RFP, int16(slotOf(i-1)), asm.DWord))
	}
}

func (h hop) same(g hop) bool {
	return h.offset == g.offset && (h.cast == nil) == (g.cast == nil) && (h.cast == nil || h.cast.to == g.cast.to)
}

// cast stores R3, seen as another struct, or NULL where a check finds that it is
// something else. To the verifier both are to be a number, so that it need not
// go on from here with each: reading the pointer from the stack makes it one.
func (p *program) cast(c *cast, slot int) {
	p.add(asm.StoreMem(asm.RFP, int16(slot), asm.R3, asm.DWord))
	p.pointTo(asm.R3, slot)
	p.probe(slot, 8)
	failed, done := p.newLabel(), p.newLabel()
	for _, ch := range c.checks {
		p.add(asm.LoadMem(asm.R3, asm.RFP, int16(slot), asm.DWord))
		for _, h := range ch.hops {
			p.add(asm.Add.Imm(asm.R3, h.offset))
			p.probe(wordAt, 8)
			p.add(asm.LoadMem(asm.R3, asm.RFP, wordAt, asm.DWord))
		}
		p.add(asm.Add.Imm(asm.R3, ch.offset), store(wordAt, 0))
		p.probe(wordAt, ch.size)
		p.add(asm.JNE.Imm(asm.R0, 0, failed), asm.LoadMem(asm.R1, asm.RFP, wordAt, asm.DWord))
		if ch.mask != 0 {
			p.add(asm.And.Imm(asm.R1, int32(ch.mask)))
		}
		passed := p.newLabel()
		for _, v := range ch.values {
			if ch.not {
				p.add(asm.JEq.Imm(asm.R1, int32(v), failed))
			} else {
				p.add(asm.JEq.Imm(asm.R1, int32(v), passed))
			}
		}
		if !ch.not {
			p.add(asm.Ja.Label(failed))
		}
		p.here(passed)
	}
	p.add(asm.LoadMem(asm.R3, asm.RFP, int16(slot), asm.DWord),
		asm.Add.Imm(asm.R3, c.delta),
		asm.StoreMem(asm.RFP, int16(slot), asm.R3, asm.DWord))
	if len(c.checks) == 0 {
		return
	}
	p.add(asm.Ja.Label(done))
	p.here(failed)
	p.add(store(slot, 0))
	p.here(done)
}
