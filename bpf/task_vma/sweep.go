// SPDX-License-Identifier: Apache-2.0

package taskvma

import (
	"fmt"
	"io"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

// A sweep makes text of the mappings of one run: a row each, and behind those of
// a process that of its gate. It is the bpf.Format of that run alone.
type sweep struct {
	rows    bpf.Format
	native  nativeMaps
	process taskVmaHead // whose mappings these are; none at the beginning
	gated   bool        // it has the gate
}

// newSweep makes a sweep with the format that form makes of mappings. Paths begin at
// root.
func newSweep(form func(bpf.Source[mapping]) bpf.Format, root *native.RootDir) *sweep {
	s := &sweep{native: nativeMaps{root: root}}
	s.rows = form(bpf.Source[mapping]{
		Decode: s.decode,
		Key:    func(m mapping) bpf.Key { return m.Head.process() },
	})
	return s
}

// decode asks the real maps for a file that the program could not name.
func (s *sweep) decode(batch []byte) (mapping, int, error) {
	r, name, size, err := bpf.Tailed(batch, lengths)
	if err != nil {
		return mapping{}, 0, err
	}
	s.gated = r.Gate != 0
	m := mapping{r, inode{r.Dev, r.Ino}, name}
	if r.Name == nameUser || r.Name == namePath && len(name) == 0 {
		m.file, m.name = s.native.find(r)
	}
	return m, size, nil
}

// Head is that of the rows.
func (s *sweep) Head(dst []byte) []byte { return s.rows.Head(dst) }

// Append renders record by record.
func (s *sweep) Append(dst, batch []byte, only *bpf.Key) ([]byte, []byte, int, error) {
	rows := 0
	for len(batch) > 0 && (rows == 0 || cap(dst)-len(dst) >= bpf.RowRoom) {
		record, rest, err := s.next(batch)
		if err != nil {
			return dst, batch, rows, err
		}
		n := 0
		if dst, _, n, err = s.rows.Append(dst, record, only); err != nil {
			return dst, batch, rows, err
		}
		batch = rest
		rows += n
	}
	return dst, batch, rows, nil
}

// next returns the record to render next: the first of the batch, or before it
// the gate of a process that is through. A head alone is the end: io.EOF. What a
// further read gives of processes that are younger has no such end.
func (s *sweep) next(batch []byte) (record, rest []byte, err error) {
	head, n, err := bpf.Fixed[taskVmaHead](batch)
	if err != nil {
		return nil, batch, err
	}
	size := int(head.Size)
	switch {
	case size < n || size > len(batch):
		return nil, batch, fmt.Errorf("torn record: %d bytes of %d", len(batch), size)
	case head.process() != s.process.process():
		if s.gated {
			record = gateOf(s.process)
		}
		s.process, s.gated = *head, false
		return record, batch, nil
	case size == n:
		return nil, batch, io.EOF
	}
	return batch[:size], batch[size:], nil
}
