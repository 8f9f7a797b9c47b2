// SPDX-License-Identifier: Apache-2.0

package btftext

import (
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/iterfs/iterfs/bpf"
)

// field is a member of a struct or union, its place counted from the outermost
// one that is shown.
type field struct {
	label  string // with what stands before and behind it
	offset int
	append appendFunc
}

// composite makes one printer of a struct's members. Those of a member without a
// name are shown as if they were its own, as C has it.
func (c *compiler) composite(members []btf.Member, size int) (node, error) {
	n := node{size: size, cells: 1, plain: true}
	var fields []field
	if err := c.fields(members, 0, &n, &fields); err != nil {
		return node{}, err
	}
	n.append = braces(fields)
	return n, nil
}

func (c *compiler) fields(members []btf.Member, base int, outer *node, fields *[]field) error {
	if c.depth == maxDepth {
		return errTooLarge
	}
	c.depth++
	defer func() { c.depth-- }()
	for _, m := range members {
		if c.budget--; c.budget < 0 {
			return errTooLarge
		}
		offset := base + int(m.Offset.Bytes())
		if m.Name == "" {
			var err error
			switch t := btf.UnderlyingType(m.Type).(type) {
			case *btf.Struct:
				err = c.fields(t.Members, offset, outer, fields)
			case *btf.Union:
				err = c.fields(t.Members, offset, outer, fields)
			}
			if err != nil {
				return err
			}
			continue // else it is padding
		}
		n, err := c.member(m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		if offset+n.size > outer.size {
			return fmt.Errorf("%s: the bytes %d to %d of a struct of %d", m.Name, offset, offset+n.size, outer.size)
		}
		c.add(outer, fields, field{m.Name, offset, n.append}, n)
	}
	return nil
}

// member is the printer of the bytes from the one that the member begins in.
func (c *compiler) member(m btf.Member) (node, error) {
	switch {
	case m.BitfieldSize != 0:
		return c.bitfield(m)
	case m.Offset%8 != 0:
		return node{}, fmt.Errorf("it begins at bit %d", m.Offset)
	}
	return c.compile(m.Type)
}

// datasec is shown as a struct of its variables.
func (c *compiler) datasec(t *btf.Datasec) (node, error) {
	n := node{size: int(t.Size), cells: 1, plain: true}
	var fields []field
	for _, v := range t.Vars {
		vn, err := c.compile(v.Type)
		if err == nil && uint64(v.Offset)+uint64(vn.size) > uint64(t.Size) {
			err = fmt.Errorf("the bytes from %d of a section of %d", v.Offset, t.Size)
		}
		if err != nil {
			return node{}, fmt.Errorf("%s: %w", v.Type.TypeName(), err)
		}
		c.add(&n, &fields, field{v.Type.TypeName(), int(v.Offset), vn.append}, vn)
	}
	n.append = braces(fields)
	return n, nil
}

// add appends a field, of which the label is the name as yet.
func (c *compiler) add(outer *node, fields *[]field, f field, n node) {
	label := append([]byte(nil), f.label...)
	if c.json {
		label = append(bpf.QuoteTail(label, 0), ':')
	} else {
		label = append(label, '=')
	}
	outer.plain = outer.plain && n.plain && isPlain(f.label)
	f.label = string(label)
	if len(*fields) > 0 {
		f.label = "," + f.label
	}
	*fields = append(*fields, f)
	outer.cells += n.cells
}

// isPlain reports whether a name has nothing to escape, as C's have not.
func isPlain(name string) bool { return len(bpf.EscapeTail([]byte(name), 0)) == len(name) }

func braces(fields []field) appendFunc {
	return func(dst, data []byte) []byte {
		dst = append(dst, '{')
		for i := range fields {
			f := &fields[i]
			dst = append(dst, f.label...)
			dst = f.append(dst, data[f.offset:])
		}
		return append(dst, '}')
	}
}
