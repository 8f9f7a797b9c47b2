// SPDX-License-Identifier: Apache-2.0

package query

import (
	"encoding/binary"

	"github.com/cilium/ebpf/asm"
)

// test goes on where a condition holds, and leaves the program otherwise. A
// missing value fulfils no condition but that it is missing.
func (p *program) test(t test) {
	bottom := -stackSize
	pass, fail := p.newLabel(), p.newLabel()
	p.zero(bottom, t.slot)
	p.read(t.field, bottom)
	switch {
	case t.missing:
		p.testMissing(t, bottom, pass, fail)
	default:
		p.add(asm.JSLT.Imm(asm.R0, 0, fail))
		switch {
		case t.kind == number:
			p.testNumber(t, bottom, pass)
		case t.op == "=" || t.op == "!=":
			p.testEqual(t, bottom, pass, fail)
		default:
			p.testContains(t, bottom, pass, fail)
		}
	}
	p.here(fail)
	p.leave()
	p.here(pass)
}

// testMissing finds a field without a value, and a pointer that is NULL.
func (p *program) testMissing(t test, at int, pass, fail string) {
	yes, no := pass, fail
	if t.op == "!=" {
		yes, no = fail, pass
	}
	p.add(asm.JSLT.Imm(asm.R0, 0, yes))
	if t.kind == pointer {
		p.add(asm.LoadMem(asm.R1, asm.RFP, int16(at), asm.DWord), asm.JEq.Imm(asm.R1, 0, yes))
	}
	p.add(asm.Ja.Label(no))
}

func (p *program) testNumber(t test, at int, pass string) {
	p.add(asm.LoadMem(asm.R1, asm.RFP, int16(at), asm.DWord), asm.LoadImm(asm.R2, int64(t.number), asm.DWord))
	jumps := map[string]asm.JumpOp{"=": asm.JEq, "!=": asm.JNE, "<": asm.JLT, "<=": asm.JLE, ">": asm.JGT, ">=": asm.JGE}
	if t.signed && t.mask == 0 {
		jumps = map[string]asm.JumpOp{"=": asm.JEq, "!=": asm.JNE, "<": asm.JSLT, "<=": asm.JSLE, ">": asm.JSGT, ">=": asm.JSGE}
	}
	p.add(jumps[t.op].Reg(asm.R1, asm.R2, pass))
}

// testEqual compares a text or octets; behind a text there are zeroes.
func (p *program) testEqual(t test, at int, pass, fail string) {
	yes, no := pass, fail
	if t.op == "!=" {
		yes, no = fail, pass
	}
	want := make([]byte, t.slot)
	copy(want, t.bytes)
	if t.kind == text {
		want = want[:align(len(t.bytes)+1)] // with the NUL
	}
	p.equal(want, at, no)
	p.add(asm.Ja.Label(yes))
}

// equal compares some words on the stack, and branches unless they are these.
func (p *program) equal(want []byte, at int, no string) {
	for i := 0; i < len(want); i += 8 {
		p.add(asm.LoadMem(asm.R1, asm.RFP, int16(at+i), asm.DWord),
			asm.LoadImm(asm.R2, int64(binary.LittleEndian.Uint64(want[i:])), asm.DWord),
			asm.JNE.Reg(asm.R1, asm.R2, no))
	}
}

// testContains looks for the first byte until the end of the text, and where it is
// calls a function that compares the rest. What is likely falls through: the
// verifier goes on there first, and remembers one branch a place.
func (p *program) testContains(t test, at int, pass, fail string) {
	yes, no := pass, fail
	if t.op == "!~" {
		yes, no = fail, pass
	}
	last := int(t.size) - 1 - len(t.bytes)
	maybe, next := make([]string, last+1), make([]string, last+1)
	for i := range maybe {
		maybe[i], next[i] = p.newLabel(), p.newLabel()
		p.add(asm.LoadMem(asm.R1, asm.RFP, int16(at+i), asm.Byte), asm.JEq.Imm(asm.R1, int32(t.bytes[0]), maybe[i]))
		p.here(next[i])
		if i%8 == 7 { // behind its end a text is zero
			p.add(asm.JEq.Imm(asm.R1, 0, no))
		}
	}
	p.add(asm.Ja.Label(no))
	begins := p.begins(t.bytes)
	for i := range maybe {
		p.here(maybe[i])
		p.pointTo(asm.R1, at+i)
		p.add(asm.Call.Label(begins), asm.JNE.Imm(asm.R0, 0, yes),
			asm.Mov.Imm(asm.R1, 1), // not the end of the text
			asm.Ja.Label(next[i]))
	}
}

// begins makes a function that returns whether what R1 points to begins with some
// bytes. It has the compared bytes brought to where they are aligned.
func (p *program) begins(with []byte) (label string) {
	label = p.newLabel()
	f := &program{label: label}
	no := label + "no"
	f.add(asm.Mov.Reg(asm.R6, asm.R1))
	for i := 0; i < len(with); i += functionStack {
		part := with[i:min(i+functionStack, len(with))]
		want := make([]byte, align(len(part)))
		copy(want, part)
		f.add(store(len(want)-8-functionStack, 0))
		f.add(asm.Mov.Reg(asm.R3, asm.R6), asm.Add.Imm(asm.R3, int32(i)))
		f.probe(-functionStack, int32(len(part)))
		f.equal(want, -functionStack, no)
	}
	f.add(asm.Mov.Imm(asm.R0, 1), asm.Return())
	f.here(no)
	f.leave()
	p.functions = append(p.functions, f.insns...)
	return label
}
