// SPDX-License-Identifier: Apache-2.0

// Package task is iter/task: processes, threads, and the files of procfs that
// tell about them.
package task

import (
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// Target has the tables tasks/table and tasks/threads, the sweep tasks/stat and
// the directories tasks/<pid>.
var Target = bpf.Target{
	Name:   "task",
	Since:  "5.8",
	Object: loadTask,
	Records: map[string]uintptr{
		"id_record":    unsafe.Sizeof(taskIdRecord{}),
		"name_record":  unsafe.Sizeof(taskNameRecord{}),
		"row_record":   unsafe.Sizeof(taskRowRecord{}),
		"stat_record":  unsafe.Sizeof(taskStatRecord{}),
		"kthread_item": unsafe.Sizeof(taskKthreadItem{}),
		"cgroup_item":  unsafe.Sizeof(taskCgroupItem{}),
		"cgroup_args":  unsafe.Sizeof(taskCgroupArgs{}),
	},
	Files: []bpf.File{
		processes.File("tasks/table", "process_rows", "one row per process"),
		threadTable.File("tasks/threads", "thread_rows", "one row per thread"),
		{Path: "tasks/stat", Doc: "every process's stat, a line each", Program: "stat_records", Format: stats},
		{Path: "tasks/<pid>/stat", Doc: "as /proc/<pid>/stat", Program: "stat_records", Format: stats},
		{Path: "tasks/<pid>/comm", Doc: "as /proc/<pid>/comm", Program: "name_records", Format: names},
	},
	Objects: []bpf.Objects{{
		Path: "tasks/<pid>", Doc: "one directory per process",
		Program: "id_records", Decode: source[taskIdRecord]().Objects(owner), Narrow: func(id uint32) bpf.Params { return bpf.Params{TID: id} },
	}},
}

var (
	stats = source[taskStatRecord]().Lines(appendStat)
	names = source[taskNameRecord]().Lines(func(dst []byte, e entry[taskNameRecord]) []byte {
		return append(appendName(dst, &e.rec.Comm, e.kthread), '\n')
	})
)

func owner(e entry[taskIdRecord]) (uid, gid uint32) { return e.rec.Euid, e.rec.Egid }
