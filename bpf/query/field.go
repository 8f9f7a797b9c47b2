// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// A kind is how a field is read.
type kind uint8

const (
	number  kind = iota // 64 bits in a record, whatever the kernel has
	pointer             // likewise, but a reader may not be allowed to see it
	text                // a string, with zeroes behind it
	octets              // bytes as they are
)

const (
	// maxText is the longest text that is shown whole. Names of files have 255.
	maxText = 263
	// maxOctets is the longest array of bytes that can be shown without an index.
	maxOctets = 64
)

// A field is what a path leads to, ready to be read.
type field struct {
	name string
	access
	kind
	format *format
	size   int32 // bytes in the kernel; of a text, at most
	slot   int   // bytes in a record, a multiple of 8

	// Of a number:
	signed    bool
	bigEndian bool
	bit, bits uint32 // a bit-field's, as place has them
	mask      uint64
	whole     bool       // it is what the context has, not anything inside
	perCPU    bool       // the sum of each CPU's own
	start     *access    // what the sum starts from
	sleeps    *access    // of a task's :wchan, where its state is
	pid       *pidNumber // of a number of a task that is a reader's
}

// field resolves a path to something that can be shown.
func (r *resolver) field(p path) (*field, error) {
	at, err := r.resolve(p)
	if err != nil {
		return nil, err
	}
	at.unwrap()
	f := &field{name: p.text, access: at.access, format: at.format, size: 8, slot: 8,
		bit: at.bit, bits: at.bits, mask: at.mask, whole: !at.inside, perCPU: at.perCPU, sleeps: at.sleeps}
	switch t, around := peel(at.typ); t := t.(type) {
	case *btf.Int:
		f.size, f.signed = int32(t.Size), t.Encoding == btf.Signed
		f.bigEndian = around.has("__be16") || around.has("__be32") || around.has("__be64")
		if f.format == nil {
			f.format = formatOf(t, around)
		}
	case *btf.Enum:
		f.size, f.signed = int32(t.Size), t.Signed
		if f.format == nil {
			f.format = enumFormat(t)
		}
	case *btf.Pointer:
		err = f.setPointer(at, t)
	case *btf.Array:
		err = f.setArray(at, t)
	case *btf.Struct:
		err = f.setStruct(at, t)
	default:
		err = notShown(at)
	}
	if at.address {
		f.kind = pointer
	}
	if err == nil && at.way != nil && r.numbers.Level > 0 {
		err = r.numbered(f, *at.owner, at.way)
	}
	if f.bits > 0 {
		f.size = int32(f.bit+f.bits+7) / 8
	}
	if err == nil && f.perCPU && f.kind != number {
		err = refuse("%s is per-CPU memory, of which only numbers are shown, as their sum", at.said)
	}
	if err == nil && f.size > 8 && f.kind == number {
		err = notShown(at)
	}
	return f, err
}

func notShown(at place) error {
	hint := ""
	if m := flatten(at.typ); len(m) > 0 {
		hint = fmt.Sprintf("; name one of its fields, as in %s.%s", at.said, m[0].Name)
	}
	return refuse("%s is %s, which has no value of its own%s", at.said, cType(at.typ), hint)
}

// setPointer makes text of a pointer to characters, and a sum of one to a number
// of each CPU; the rest are addresses.
func (f *field) setPointer(at place, p *btf.Pointer) error {
	f.kind = pointer
	target, around := peel(p.Target)
	n, ok := target.(*btf.Int)
	switch {
	case !ok || at.perCPU:
	case around.has("percpu"):
		f.kind, f.perCPU = number, true
		f.size, f.signed = int32(n.Size), n.Encoding == btf.Signed
		f.hop(hop{offset: f.offset})
	case (n.Name == "char" || n.Name == "unsigned char") && len(around) == 0:
		f.hop(hop{offset: f.offset})
		f.setText(maxText)
	}
	return nil
}

func (f *field) setText(length int) {
	f.kind = text
	f.size = int32(min(length, maxText)) + 1 // and a NUL
	f.slot = align(int(f.size))
}

// setArray makes text of an array of characters, and octets of one of bytes.
func (f *field) setArray(at place, a *btf.Array) error {
	elem, _ := peel(a.Type)
	n, ok := elem.(*btf.Int)
	switch {
	case ok && n.Name == "char" && a.Nelems > 0:
		f.setText(int(a.Nelems))
	case ok && n.Size == 1 && a.Nelems > 0 && a.Nelems <= maxOctets:
		f.kind, f.size, f.slot, f.format = octets, int32(a.Nelems), align(int(a.Nelems)), hexOctets
	default:
		return refuse("%s is %s: name one of its elements, as in %s[0]", at.said, cType(at.typ), at.said)
	}
	return nil
}

// opaque are the structs that are shown by what they mean, not by their fields.
var opaque = map[string]bool{"percpu_counter": true, "in_addr": true, "in6_addr": true}

func (f *field) setStruct(at place, s *btf.Struct) error {
	switch s.Name {
	case "in_addr":
		f.size, f.bigEndian, f.format = 4, true, formats["ip"]
	case "in6_addr":
		f.kind, f.size, f.slot, f.format = octets, 16, 16, ip6Octets
	case "percpu_counter":
		return f.setCounter(at)
	default:
		return notShown(at)
	}
	return nil
}

// setCounter makes the exact value of a percpu_counter: its count and what each
// CPU has not added to it yet, percpu_counter_sum() of lib/percpu_counter.c.
func (f *field) setCounter(at place) error {
	count, counters := at, at
	err := count.member("count")
	if err != nil {
		return err
	}
	if err := counters.member("counters"); err != nil {
		return nil // a kernel for one CPU: a count is all there is
	}
	f.start, f.perCPU, f.signed, f.size = &count.access, true, true, 4
	f.hop(hop{offset: counters.offset})
	return nil
}

func align(n int) int { return (n + 7) &^ 7 }
