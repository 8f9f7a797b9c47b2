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
	"reflect"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// collected is the content of a query that collects: a sweep, and then its rows.
type collected struct {
	query     *Query
	request   bpf.Request
	format    bpf.Format
	functions []symbol

	ready bool
	rows  []byte // what is not rendered yet
}

// collect makes the content of a query that collects. It runs when it is first
// read, and keeps what is valid only until then.
func (q *Query) collect(r bpf.Request, format bpf.Format, functions []symbol) (bpf.Content, error) {
	r.Params.Collect = groupsMap
	if err := r.Params.KeepNetNS(); err != nil {
		return nil, err
	}
	return &collected{query: q, request: r, format: format, functions: functions}, nil
}

func (c *collected) Append(ctx context.Context, dst []byte) ([]byte, error) {
	if !c.ready {
		rows, err := c.query.sweep(ctx, c.request)
		if err != nil {
			return dst, err
		}
		rows = c.query.mergeFunctions(rows, c.functions)
		slices.SortFunc(rows, c.query.order)
		c.ready, c.rows = true, bytes.Join(rows, nil)
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
	c.request.Params.NetNS.Close()
	return nil
}

// sweep runs the program over all objects and returns what it has collected. The
// program has one map, so one sweep runs at a time.
func (q *Query) sweep(ctx context.Context, r bpf.Request) ([][]byte, error) {
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
	return drain(m)
}

// order puts the larger of two groups first, and rows that are none in the order
// of their ids. What is equal then is in the order of its bytes.
func (q *Query) order(a, b []byte) int {
	by, word := 0, binary.LittleEndian.Uint64
	count, sum := q.layout.size, q.layout.size+8
	switch {
	case q.id != nil:
		id := q.layout.parts[0].columns[0]
		by = cmp.Compare(id.number(a), id.number(b))
	case q.sum != nil && q.sum.signed:
		by = cmp.Compare(int64(word(b[sum:])), int64(word(a[sum:])))
	case q.sum != nil:
		by = cmp.Compare(word(b[sum:]), word(a[sum:]))
	default:
		by = cmp.Compare(word(b[count:]), word(a[count:]))
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
