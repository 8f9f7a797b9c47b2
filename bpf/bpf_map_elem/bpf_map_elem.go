// SPDX-License-Identifier: Apache-2.0

// Package bpfmapelem is iter/bpf_map_elem: the elements of a BPF map. It shows
// those of every type of map, by whichever iterator has them or by bpf(2).
package bpfmapelem

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	bpfskstoragemap "github.com/iterfs/iterfs/bpf/bpf_sk_storage_map"
	"github.com/iterfs/iterfs/bpf/sockmap"
)

// Target has maps/<id>/elements.
var Target = bpf.Target{
	Name:   "bpf_map_elem",
	Since:  "5.9",
	Object: loadBpfMapElem,
	Files: []bpf.File{{
		Path:    "maps/<id>/elements",
		Doc:     "the elements of the map, by its BTF, or bytes in hexadecimal; of a hash that changes meanwhile the kernel may skip or repeat one each 32 KiB",
		Columns: columns,
		Mode:    0o400,
		Open:    open,
		Twin:    true,
	}},
}

var columns = []bpf.ColumnDoc{
	{Name: "KEY", Type: "any", Source: "key, by btf_key_type_id", Doc: "an array's index; of sk_storage the inode number of the socket; - in a queue or stack"},
	{Name: "CPU", Type: "number", Source: "place of the value among those of possible CPUs", Doc: "in per-CPU maps only, which have a row for each possible CPU; in JSON the key values is a list of objects with cpu and value"},
	{Name: "VALUE", Type: "any", Source: "value, by btf_value_type_id", Doc: "{member=...} of a struct, [...] of an array; in a map of programs or maps their number; of a sockmap the socket; of a queue or stack only the element that the next pop gives"},
}

// maxRecord is the largest that an iterator gives: less than the kernel's buffer.
const maxRecord = 8<<12 - 1

// open shows a map as its type needs. What cannot be read is EOPNOTSUPP.
func open(r bpf.Request, form bpf.Form) (bpf.Content, error) {
	m, err := ebpf.NewMapFromID(ebpf.MapID(r.Object.ID))
	if errors.Is(err, os.ErrNotExist) {
		return nil, unix.ESRCH
	}
	if err != nil {
		return nil, fmt.Errorf("open map %d: %w", r.Object.ID, err)
	}
	e, err := describe(m, form)
	var records bpf.Records
	if err == nil {
		records, err = e.read(r, m)
	}
	if err != nil {
		m.Close()
		return nil, fmt.Errorf("map %d: %w", r.Object.ID, err)
	}
	r.Object = nil // all records are the map's, and it may be empty
	return r.Content(records, e), nil
}

// read starts the reading of a map, and takes it over.
func (e *elements) read(r bpf.Request, m *ebpf.Map) (bpf.Records, error) {
	run := func(t *bpf.Target, program string, consts map[string]any) (bpf.Records, error) {
		records, err := r.Run(t, program, bpf.Params{Map: m, Consts: consts})
		if err == nil {
			m.Close() // the iterator holds the map
		}
		return records, err
	}
	fits := e.record() <= maxRecord
	switch e.kind.by {
	case nothing:
		return nil, fmt.Errorf("%s: %w", e.kind.reason, unix.EOPNOTSUPP)
	case sockets:
		return run(&sockmap.Target, sockmap.Program, map[string]any{"key_size": uint32(e.keySize)})
	case socketStorage:
		if !fits {
			return nil, fmt.Errorf("values of %d bytes are more than an iterator gives, and need the socket's descriptor: %w", e.valueSize, unix.EOPNOTSUPP)
		}
		return run(&bpfskstoragemap.Target, bpfskstoragemap.Program, map[string]any{"value_size": uint32(e.valueSize)})
	}
	if e.kind.iterated && fits {
		records, err := run(r.Target, "element_records", map[string]any{"key_size": uint32(e.keySize), "value_size": uint32(e.values())})
		// A map that belongs to one program alone cannot be iterated, but read.
		if !errors.Is(err, unix.EPERM) {
			return records, err
		}
	}
	return newLookups(e, m), nil
}
