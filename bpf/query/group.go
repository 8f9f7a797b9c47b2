// SPDX-License-Identifier: Apache-2.0

package query

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

const (
	// maxGroups is how many rows a program can collect in its map.
	maxGroups = 1 << 16
	groupsMap = "groups"
	// totals is the size of a group's value: how many objects it has, and their sum.
	totals = 16
)

// collect keeps the record in the program's map instead of writing it, and counts
// there how often it came. Nothing that was counted is rolled back and counted
// again, since nothing is written. If the map is full a byte is, to say so.
func (p *program) collect(l *layout, sum *field) {
	if sum != nil {
		p.zero(totalsAt, totals)
		p.read(sum, totalsAt+8)
		there := p.newLabel()
		p.add(asm.JSGE.Imm(asm.R0, 0, there))
		p.leave()
		p.here(there)
	} else {
		p.zero(totalsAt, totals)
	}
	p.add(store(totalsAt, 1))
	p.part(l.parts[0])
	found, done := p.newLabel(), p.newLabel()
	p.add(asm.LoadMapPtr(asm.R1, 0).WithReference(groupsMap))
	p.pointTo(asm.R2, -stackSize)
	p.add(asm.FnMapLookupElem.Call(), asm.JNE.Imm(asm.R0, 0, found))
	p.pointTo(asm.R2, -stackSize)
	p.pointTo(asm.R3, totalsAt)
	p.add(asm.LoadMapPtr(asm.R1, 0).WithReference(groupsMap),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
		asm.JEq.Imm(asm.R0, 0, done))
	p.write(totalsAt, 1)
	p.add(asm.Ja.Label(done))
	p.here(found)
	for i := range int16(2) {
		p.add(asm.LoadMem(asm.R1, asm.R0, 8*i, asm.DWord),
			asm.LoadMem(asm.R2, asm.RFP, totalsAt+8*i, asm.DWord),
			asm.Add.Reg(asm.R1, asm.R2),
			asm.StoreMem(asm.R0, 8*i, asm.R1, asm.DWord))
	}
	p.here(done)
	p.leave()
}

// groupsSpec is the map of a program that collects.
func groupsSpec(l *layout) *ebpf.MapSpec {
	return &ebpf.MapSpec{Name: groupsMap, Type: ebpf.Hash, KeySize: uint32(l.size), ValueSize: totals,
		MaxEntries: maxGroups, Flags: unix.BPF_F_NO_PREALLOC}
}

// collected is the content of a query that collects: a sweep, and then its rows.
type collected struct {
	query   *Query
	request bpf.Request
	format  bpf.Format

	ready bool
	rows  []byte // what is not rendered yet
}

// collect makes the content of a query that collects. It runs when it is first
// read, and keeps what is valid only until then.
func (q *Query) collect(r bpf.Request, format bpf.Format) (bpf.Content, error) {
	r.Params.Collect = groupsMap
	if ns := r.Params.NetNS; ns != nil {
		fd, err := unix.FcntlInt(ns.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		r.Params.NetNS = os.NewFile(uintptr(fd), ns.Name())
	}
	return &collected{query: q, request: r, format: format}, nil
}

func (c *collected) Append(ctx context.Context, dst []byte) ([]byte, error) {
	if !c.ready {
		rows, err := c.query.sweep(ctx, c.request)
		if err != nil {
			return dst, err
		}
		c.ready, c.rows = true, rows
		return c.format.Head(dst), nil
	}
	if len(c.rows) == 0 {
		return dst, io.EOF
	}
	text, rest, n, err := c.format.Append(dst, c.rows, nil)
	c.rows = rest
	c.request.CountRows(n)
	return text, err
}

func (c *collected) Close() error {
	c.rows = nil
	if ns := c.request.Params.NetNS; ns != nil {
		return ns.Close()
	}
	return nil
}

// sweep runs the program over all objects and returns what it has collected, the
// largest first. The program has one map, so one sweep runs at a time.
func (q *Query) sweep(ctx context.Context, r bpf.Request) ([]byte, error) {
	select {
	case q.sweeping <- struct{}{}:
		defer func() { <-q.sweeping }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	records, err := r.Run(r.Target, r.File.Program, r.Params)
	if err != nil {
		return nil, err
	}
	defer records.Close()
	m := records.(bpf.Collector).Collected()
	// What a sweep has left that was interrupted.
	if _, err := drain(m); err != nil {
		return nil, err
	}
	for {
		b, err := records.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(b) > 0 {
			return nil, fmt.Errorf("more than %d rows, which is all that is collected: %w", maxGroups, unix.ENOSPC)
		}
	}
	rows, err := drain(m)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, q.order)
	return bytes.Join(rows, nil), nil
}

// order puts the larger of two groups first, and rows that are none in the order
// of their ids. What is equal then is in the order of its bytes.
func (q *Query) order(a, b []byte) int {
	by := 0
	switch word := binary.LittleEndian.Uint64; {
	case q.id != nil:
		id := q.layout.parts[0].columns[0]
		by = cmp.Compare(id.number(a), id.number(b))
	case q.sum != nil:
		by = cmp.Compare(int64(word(b[q.layout.size+8:])), int64(word(a[q.layout.size+8:])))
	default:
		by = cmp.Compare(word(b[q.layout.size:]), word(a[q.layout.size:]))
	}
	return cmp.Or(by, bytes.Compare(a, b))
}

// drain takes all groups out of a map: each is the key with the value behind it.
func drain(m *ebpf.Map) (rows [][]byte, err error) {
	const atOnce = 1024
	size := int(m.KeySize())
	// The library tells the number of keys by their type.
	keys := reflect.MakeSlice(reflect.SliceOf(reflect.ArrayOf(size, reflect.TypeFor[byte]())), atOnce, atOnce)
	values := make([][totals]byte, atOnce)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := m.BatchLookupAndDelete(&cursor, keys.Interface(), values, nil)
		for i := range n {
			row := append(make([]byte, 0, size+totals), keys.Index(i).Slice(0, size).Bytes()...)
			rows = append(rows, append(row, values[i][:]...))
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read what the program has collected: %w", err)
		}
	}
}
