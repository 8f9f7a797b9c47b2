// SPDX-License-Identifier: Apache-2.0

package query

// A program's stack, from its frame pointer down: the pointers that the hops of
// the last access made, a few words for what is being worked out, and the rest
// for the part of a record that is written at a time.
const (
	stackSize     = 440
	functionStack = 64 // of a function that the program calls; both have 512
	maxHops       = 16

	wordAt   = -8  // a number or pointer on its way
	statusAt = -16 // of a sum: whether each CPU's part could be read
	maskAt   = -24 // of a sum: 0 when the pointer is NULL, else -1
	totalsAt = -40 // the two numbers of a new group
	hopsAt   = -40 // the pointer of hop i is at hopsAt - 8*(i+1)
)

// maxRecord is what an iterator can write for an object, less than its buffer of
// PAGE_SIZE << 3.
const maxRecord = 8*4096 - 1

// A column is where a record has a field: a byte that is not 0 where the value is
// missing, and the value.
type column struct {
	*field
	status, at int
}

// A part is what is written of a record at a time: the status bytes of its
// columns, then their values.
type part struct {
	columns []column
	begin   int // in the record
	size    int
}

// A layout is what a record is made of. A program that does not write it but uses
// it as a key needs it in one part.
type layout struct {
	parts []part
	size  int
}

func newLayout(fields []*field, depth int, onePart bool) (layout, error) {
	var l layout
	room := slotOf(depth-1) + stackSize
	var p part
	for _, f := range fields {
		if align(len(p.columns)+1)+p.size+f.slot > room {
			l.add(p)
			p = part{}
		}
		p.columns = append(p.columns, column{field: f})
		p.size += f.slot
	}
	l.add(p)
	if onePart && len(l.parts) > 1 {
		return l, refuse("these fields take %d bytes, and where rows are collected in the kernel %d is the limit", l.size, room)
	}
	if l.size > maxRecord {
		return l, refuse("a row of these fields takes %d bytes, and the kernel gives at most %d at a time", l.size, maxRecord)
	}
	return l, nil
}

// add ends a part, of which size is that of the values until then.
func (l *layout) add(p part) {
	p.begin = l.size
	at := p.begin + align(len(p.columns))
	for i := range p.columns {
		p.columns[i].status, p.columns[i].at = p.begin+i, at
		at += p.columns[i].slot
	}
	p.size = at - p.begin
	l.parts = append(l.parts, p)
	l.size = at
}

// columns are those of all parts.
func (l *layout) columns() (all []column) {
	for _, p := range l.parts {
		all = append(all, p.columns...)
	}
	return all
}
