// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/iterfs/iterfs/bpf/task"
	"github.com/iterfs/iterfs/fs/procfs"
)

// sweeps are the procfs.Source of the daemon's pid namespace. It numbers the files
// as task.Sweep does.
type sweeps struct{ system *system }

func (s sweeps) Sweep(ctx context.Context, want procfs.Files, reading []uint32, visit func(*procfs.Process)) error {
	sweep := task.Sweep{Reader: s.system.daemon, Files: uint32(want), Running: reading}
	var p procfs.Process
	return sweep.Run(ctx, s.system, func(q *task.Process) {
		p = procfs.Process{PID: q.PID, Start: q.Start, UID: q.UID, GID: q.GID, Files: q.Files}
		visit(&p)
	})
}
