// SPDX-License-Identifier: Apache-2.0

package btftext

import (
	"errors"
	"fmt"
	"math"

	"github.com/cilium/ebpf/btf"
)

// Bounds against types that were made to be large: whoever may load BTF must not
// be able to exhaust who shows it.
const (
	maxDepth = 64
	maxSteps = 1 << 17 // types and members compiled
	maxCells = 1 << 12 // values shown beyond 8 for each byte, which bits have
)

var errTooLarge = errors.New("the type is too large")

// A node prints a type.
type node struct {
	append appendFunc
	size   int
	cells  int  // how many values it shows
	width  int  // see Printer.Width
	plain  bool // it never appends what EscapeTail would escape
}

type compiler struct {
	json   bool
	known  map[btf.Type]node
	depth  int
	budget int
}

func (c *compiler) compile(t btf.Type) (node, error) {
	t = btf.UnderlyingType(t)
	if n, ok := c.known[t]; ok {
		return n, nil
	}
	c.budget--
	if c.depth == maxDepth || c.budget < 0 {
		return node{}, errTooLarge
	}
	c.depth++
	n, err := c.compileNew(t)
	c.depth--
	if err == nil && n.cells > math.MaxInt32 {
		err = errTooLarge
	}
	if err == nil {
		c.known[t] = n
	}
	return n, err
}

func (c *compiler) compileNew(t btf.Type) (node, error) {
	switch t := t.(type) {
	case *btf.Array:
		return c.array(t)
	case *btf.Struct:
		return c.composite(t.Members, int(t.Size))
	case *btf.Union:
		return c.composite(t.Members, int(t.Size))
	case *btf.Datasec:
		return c.datasec(t)
	case *btf.Var:
		return c.compile(t.Type)
	case *btf.Float:
		return c.float(int(t.Size)), nil
	case *btf.Pointer:
		return c.pointer(), nil
	case *btf.Int:
		if t.Size == 16 {
			return c.int128(), nil
		}
	}
	s, ok := c.scalar(t)
	if !ok {
		return node{}, fmt.Errorf("a %v has no values", t)
	}
	return s.node(), nil
}

func (c *compiler) array(t *btf.Array) (node, error) {
	elem, err := c.compile(t.Type)
	if err != nil {
		return node{}, err
	}
	size := uint64(elem.size) * uint64(t.Nelems)
	if size > math.MaxInt32 {
		return node{}, errTooLarge
	}
	n := node{size: int(size), cells: 1, plain: elem.plain}
	if size > 0 {
		n.cells += elem.cells * int(t.Nelems)
	}
	brackets := func(dst, data []byte) []byte {
		dst = append(dst, '[')
		for at := 0; at < n.size; at += elem.size {
			if at > 0 {
				dst = append(dst, ',')
			}
			dst = elem.append(dst, data[at:])
		}
		return append(dst, ']')
	}
	n.append = brackets
	if isChar(t.Type) {
		n.plain = false
		n.append = func(dst, data []byte) []byte {
			if s, ok := textOf(data[:n.size]); ok {
				return c.appendString(dst, s)
			}
			return brackets(dst, data)
		}
	}
	return n, nil
}
