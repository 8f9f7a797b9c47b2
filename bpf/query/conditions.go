// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"strconv"
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
	case f.format == functions:
		return t, refuse("%s: a function cannot be compared with, only counted by", c.text)
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
	if err != nil && value != "" && isNameByte(value[0]) && !isDigit(value[0]) {
		if named, _, e := r.kernel.enumerator(value); e == nil {
			v, err = named, nil
		}
	}
	if err == nil && !f.holds(v, int64(v) < 0 && value[0] == '-') {
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
