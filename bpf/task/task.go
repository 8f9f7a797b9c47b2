// SPDX-License-Identifier: Apache-2.0

// Package task is iter/task: processes, threads, and the files of procfs that
// tell about them.
package task

import (
	"slices"
	"strconv"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// Target has the tables tasks/table and tasks/threads, the directories
// tasks/<pid>, and files of procfs in both forms: tasks/stat, tasks/<pid>/stat.
var Target = bpf.Target{
	Name:   "task",
	Since:  "5.8",
	Object: loadTask,
	Records: map[string]uintptr{
		"reader":          unsafe.Sizeof(bpf.Identity{}),
		"identity_record": unsafe.Sizeof(taskIdentityRecord{}),
		"access_record":   unsafe.Sizeof(taskAccessRecord{}),
		"id_record":       unsafe.Sizeof(taskIdRecord{}),
		"name_record":     unsafe.Sizeof(taskNameRecord{}),
		"row_record":      unsafe.Sizeof(taskRowRecord{}),
		"stat_record":     unsafe.Sizeof(taskStatRecord{}),
		"statm_record":    unsafe.Sizeof(taskStatmRecord{}),
		"status_record":   unsafe.Sizeof(taskStatusRecord{}),
		"io_record":       unsafe.Sizeof(taskIoRecord{}),
		"limits_record":   unsafe.Sizeof(taskLimitsRecord{}),
		"cgroup_record":   unsafe.Sizeof(taskCgroupRecord{}),
		"cmdline_record":  unsafe.Sizeof(taskCmdlineRecord{}),
		"sizes":           unsafe.Sizeof(taskSizes{}),
		"kthread_item":    unsafe.Sizeof(taskKthreadItem{}),
		"cgroup_item":     unsafe.Sizeof(taskCgroupItem{}),
		"hierarchy_item":  unsafe.Sizeof(taskHierarchyItem{}),
		"groups_item":     unsafe.Sizeof(taskGroupsItem{}),
		"pids_item":       unsafe.Sizeof(taskPidsItem{}),
		"task_args":       unsafe.Sizeof(taskTaskArgs{}),
		"arguments_item":  unsafe.Sizeof(taskArgumentsItem{}),
	},
	Files: slices.Concat(
		[]bpf.File{
			rowFile(processes, "tasks/table", "process_rows", "one row per process"),
			rowFile(threadTable, "tasks/threads", "thread_rows", "one row per thread"),
			allThreads(rowFile(threadsOfProcess, "tasks/<pid>/threads", "thread_rows", "one row per thread of the process")),
			{Path: "tasks/<pid>/comm", Doc: "as /proc/<pid>/comm", Program: "name_records", Format: names},
			{Path: "tasks/<pid>/task/<tid>/comm", Doc: "as /proc/<pid>/task/<tid>/comm", Program: "name_records", Format: names},
		},
		statFiles(),
		recordFiles("statm", numberedForm, appendStatm, numbered),
		statusFiles(recordFiles("status", headedForm, appendStatus, headed), headed),
		procFiles("cmdline", "cmdline_records", numberedForm+"; newline and backslash in it are octal-escaped, "+
			"and - stands for arguments that cannot be read at once", cmdline, cmdline, appendCmdlineRow),
		onlyOwner(recordFiles("io", headedForm, appendIO, headed)),
		recordFiles("limits", headedForm, appendLimits, headed),
		cgroupFiles,
	),
	Objects: []bpf.Objects{{
		Path: "tasks/<pid>", Doc: "one directory per process",
		Program: "id_records", Decode: source[taskIdRecord]().Objects(describe), PerPIDNS: true,
		Narrow: func(id uint32) bpf.Params { return bpf.Params{TID: id} },
	}, {
		Path: "tasks/<pid>/task/<tid>", Doc: "one directory per thread",
		Program: "id_records", Decode: source[taskIdRecord]().Objects(describe), PerPIDNS: true,
		Narrow: func(id uint32) bpf.Params { return bpf.Params{TID: id, Consts: ofThreads} },
		Within: func(process uint32) bpf.Params { return bpf.Params{PID: process, Consts: ofThreads} },
	}},
}

// ofThreads makes programs tell about threads.
var ofThreads = map[string]any{"of_threads": true}

var names = source[taskNameRecord]().Lines(func(dst []byte, e entry[taskNameRecord]) []byte {
	return append(appendName(dst, &e.rec.Comm, e.kthread), '\n')
})

// describe gives a task the number that the reader knows it by as its name.
func describe(e entry[taskIdRecord], o *bpf.Object) {
	o.Parent = bpf.Key{ID: e.rec.Key.NativeTgid, Birth: e.rec.ProcessStart}
	o.UID, o.GID = e.rec.Euid, e.rec.Egid
	if key := &e.rec.Key; key.Tid != key.NativeTid {
		o.Name = strconv.FormatUint(uint64(key.Tid), 10)
	}
}
