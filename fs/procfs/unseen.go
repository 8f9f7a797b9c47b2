// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"context"
	"math"
	"sync"
)

// complete adds to sweeps the processes that they do not visit though the native
// procfs lists them: some sandboxes keep their own from iterators. Those live as long
// as the machine, so they are looked for once; where there are none it costs nothing.
type complete struct {
	Source
	native native
	once   sync.Once
	unseen []uint32 // in their order
}

func (c *complete) Sweep(ctx context.Context, want Files, reading []uint32, visit func(*Process)) error {
	c.once.Do(func() { c.unseen = c.look(ctx) })
	left := c.unseen
	var p Process
	visitBelow := func(pid uint32) {
		for ; len(left) > 0 && left[0] < pid; left = left[1:] {
			if c.native.visit(left[0], want, &p) == nil {
				visit(&p)
			}
		}
	}
	err := c.Source.Sweep(ctx, want, reading, func(q *Process) {
		visitBelow(q.PID)
		if len(left) > 0 && left[0] == q.PID { // the number has another process now
			left = left[1:]
		}
		visit(q)
	})
	if err == nil {
		visitBelow(math.MaxUint32)
	}
	return err
}

// look lists the processes that were there before a sweep and after it, and that it
// did not visit.
func (c *complete) look(ctx context.Context) (unseen []uint32) {
	var listed []uint32
	err := c.native.list(c.native.fd, ".", 32<<10, func(e entry) bool {
		if pid, is := parsePID(e.name); is {
			listed = append(listed, pid)
		}
		return true
	})
	visited := make(map[uint32]bool, len(listed))
	if err != nil || c.Source.Sweep(ctx, 0, nil, func(p *Process) { visited[p.PID] = true }) != nil {
		return nil
	}
	var p Process
	for _, pid := range listed {
		if !visited[pid] && c.native.visit(pid, 0, &p) == nil {
			unseen = append(unseen, pid)
		}
	}
	return unseen
}
