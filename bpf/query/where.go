// SPDX-License-Identifier: Apache-2.0

package query

import (
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/cilium/ebpf/asm"
)

// A test is a condition on a field, with the value as the field has it.
type test struct {
	*field
	op      string
	missing bool
	number  uint64
	bytes   []byte
}

// tests resolves conditions; none for an empty text.
func (r *resolver) tests(text string) (tests []test, err error) {
	if text == "" {
		return nil, nil
	}
	conditions, err := parseConditions(text)
	if err != nil {
		return nil, err
	}
	for _, c := range conditions {
		t, err := r.test(c)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	return tests, nil
}

// test resolves a condition.
func (r *resolver) test(c condition) (test, error) {
	f, err := r.field(c.path)
	if c.missing {
		f, err = r.existence(c.path)
	}
	if err != nil {
		return test{}, err
	}
	t := test{field: f, op: c.op, missing: c.missing}
	equality := c.op == "=" || c.op == "!="
	contains := c.op == "~" || c.op == "!~"
	switch {
	case c.missing && !equality:
		return t, refuse("%s: a missing value is only = or !=", c.text)
	case c.missing:
		return t, nil
	case contains && f.kind != text:
		return t, refuse("%s: only a text contains another, and %s is none", c.text, f.name)
	case !equality && !contains && f.kind != number:
		return t, refuse("%s: only numbers are less or greater, and %s is none", c.text, f.name)
	}
	switch f.kind {
	case number:
		t.number, err = r.parseNumber(f, c.value)
	case pointer:
		if c.value != "0" {
			return t, refuse("%s: a pointer is only compared with 0", c.text)
		}
		t.missing = true
	case octets:
		t.bytes, err = f.format.parseOctets(c.value, int(f.size))
	case text:
		t.bytes = []byte(c.value)
		switch limit := int(f.size) - 1; {
		case contains && c.value == "":
			return t, refuse("%s: every text contains the empty one", c.text)
		case len(c.value) > limit:
			return t, refuse("%s: %s has at most %d bytes", c.text, f.name, limit)
		}
	}
	if err != nil {
		return t, refuse("%s: %s is not a value of %s: %v", c.text, strconv.Quote(c.value), f.name, reason(err))
	}
	return t, nil
}

// existence is what is read to find out whether a field is missing: its value, or
// of what has none of its own, a struct behind a pointer, the first byte.
func (r *resolver) existence(p path) (*field, error) {
	f, err := r.field(p)
	if err == nil {
		return f, nil
	}
	at, e := r.resolve(p)
	if e != nil || len(at.hops) == 0 || at.perCPU {
		return nil, err
	}
	return &field{name: p.text, access: at.access, kind: number, size: 1, slot: 8}, nil
}

// parseNumber parses the value that a numeric field is compared with: in the
// field's format, as a number, or by the name of an enumerator.
func (r *resolver) parseNumber(f *field, value string) (uint64, error) {
	parse := parseNumber
	if f.format != nil && f.format.parse != nil {
		parse = f.format.parse
	}
	v, err := parse(value)
	if err != nil && value != "" && !isDigit(value[0]) {
		switch value {
		case "true":
			return 1, nil
		case "false":
			return 0, nil
		}
		if named, _, e := r.kernel.enumerator(value); e == nil {
			v, err = named, nil
		}
	}
	if err == nil && !f.holds(v, value[0] == '-') {
		err = strconv.ErrRange
	}
	return v, err
}

// holds reports whether the field can have the value.
func (f *field) holds(v uint64, negative bool) bool {
	bits := int(f.bits)
	if bits == 0 {
		bits = 8 * int(f.size)
	}
	if f.perCPU {
		bits = 64
	}
	if f.signed && f.mask == 0 {
		return negative == (int64(v) < 0) && int64(v)<<(64-bits)>>(64-bits) == int64(v)
	}
	return !negative && v<<(64-bits)>>(64-bits) == v
}

// reason is what is wrong with a value, without the function that says so.
func reason(err error) error {
	var number *strconv.NumError
	if errors.As(err, &number) {
		return number.Err
	}
	return err
}

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
		p.add(asm.Call.Label(begins), asm.JNE.Imm(asm.R0, 0, yes), asm.Mov.Imm(asm.R1, 1), asm.Ja.Label(next[i]))
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
