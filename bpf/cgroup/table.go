// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"math"
	"os"

	"github.com/iterfs/iterfs/bpf"
)

type (
	record = cgroupRowRecord
	row    = named[record]
	column = bpf.Column[row]
)

const (
	none    = math.MaxInt64
	maxPIDs = 4<<20 + 1 // PIDS_MAX
)

var pageSize = int64(os.Getpagesize())

func number(name string, width int, source, doc string, value func(r *record) int64) column {
	return column{Name: name, Width: width, Source: source, Doc: doc,
		Number: bpf.Always(func(r row) int64 { return value(r.rec) })}
}

// kept is a number that is missing where it is negative, or so large that it means none.
func kept(name string, width int, unit, source, doc string, none int64, value func(r *record) int64) column {
	return column{Name: name, Width: width, Unit: unit, Source: source, Doc: doc, Number: func(r row) (int64, bool) {
		v := value(r.rec)
		return v, v >= 0 && v < none
	}}
}

func kib(pages int64) int64 { return pages * (pageSize / 1024) }

var table = bpf.Table[row]{
	Source: bpf.Source[row]{
		Decode: decode[record],
		Key:    func(r row) bpf.Key { return bpf.Key{ID: r.rec.Hierarchy, Birth: r.rec.Id} },
	},
	Columns: []column{
		number("ID", 8, "kn->id", "number of the cgroup, the inode number of its directory", func(r *record) int64 { return int64(r.Id) }),
		number("LEVEL", 5, "level", "depth below the reader's root, whose level is 0", func(r *record) int64 { return int64(int32(r.Level)) }),
		kept("TASKS", 6, "", "cset_links, nr_tasks of each css_set", "threads in the cgroup itself; - when they come and go too fast to be counted", none, func(r *record) int64 { return int64(r.Tasks) }),
		number("DESCENDANTS", 11, "nr_descendants", "cgroups below it", func(r *record) int64 { return int64(r.Descendants) }),
		number("DYING", 5, "nr_dying_descendants", "cgroups below it that were removed and that something still refers to", func(r *record) int64 { return int64(r.Dying) }),
		number("POPULATED", 9, "nr_populated_csets", "1 when a task is in the cgroup or below it", func(r *record) int64 { return int64(r.Populated) }),
		number("FROZEN", 6, "flags, CGRP_FROZEN", "1 when all tasks in it and below are frozen", func(r *record) int64 { return int64(r.Frozen) }),
		kept("CPU_MS", 9, "ms", "bstat.cputime.sum_exec_runtime", "CPU time of the tasks in it and below; - for the root and in v1", none, func(r *record) int64 {
			if r.Cpu < 0 {
				return -1
			}
			return r.Cpu / 1e6
		}),
		kept("MEM_KB", 9, "KiB", "mem_cgroup, memory.usage", "memory in use, as memory.current; - where the controller is not enabled, and for the root", none, func(r *record) int64 { return kib(r.Memory) }),
		kept("MEM_MAX_KB", 10, "KiB", "mem_cgroup, memory.max", "limit of memory, as memory.max; - for none", kib(math.MaxInt64/pageSize), func(r *record) int64 { return kib(r.MemoryMax) }),
		kept("PIDS", 6, "", "pids_cgroup, counter", "tasks in it and below, as pids.current; - where the controller is not enabled, and for the root", none, func(r *record) int64 { return r.Pids }),
		kept("PIDS_MAX", 8, "", "pids_cgroup, limit", "limit of tasks, as pids.max; - for none", maxPIDs, func(r *record) int64 { return r.PidsMax }),
		{Name: "PATH", Source: "kn->name", Doc: "path in its hierarchy from the reader's root on, as in /proc/<pid>/cgroup", Text: func(dst []byte, r row) ([]byte, bool) {
			if len(r.name) == 0 {
				dst = append(dst, '/')
			}
			return append(dst, r.name...), true
		}},
	},
}
