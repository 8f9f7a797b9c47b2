// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"os"

	"github.com/iterfs/iterfs/bpf"
)

type (
	row    = entry[taskRowRecord]
	column = bpf.Column[row]
)

func number(name string, width int, unit, source, doc string, value func(r *taskRowRecord) int64) column {
	return column{Name: name, Width: width, Unit: unit, Source: source, Doc: doc,
		Number: bpf.Always(func(r row) int64 { return value(r.rec) })}
}

// positive is a number that is missing where it is 0.
func positive(name string, width int, source, doc string, value func(r *taskRowRecord) uint32) column {
	return column{Name: name, Width: width, Source: source, Doc: doc, Number: func(r row) (int64, bool) {
		v := value(r.rec)
		return int64(v), v != 0
	}}
}

// cpuTime is missing before Linux 6.7 in processes of more than 512 threads.
func cpuTime(name, source, doc string, part func(utime, stime uint64) uint64) column {
	return column{Name: name, Width: 9, Unit: "ms", Source: source, Doc: doc, Number: func(r row) (int64, bool) {
		return int64(part(r.rec.Times.adjust()) / 1e6), r.rec.Incomplete == 0
	}}
}

var (
	pid  = number("PID", 7, "", "tgid", "process id", func(r *taskRowRecord) int64 { return int64(r.Key.Tgid) })
	tid  = number("TID", 7, "", "pid", "thread id", func(r *taskRowRecord) int64 { return int64(r.Key.Tid) })
	ppid = number("PPID", 7, "", "real_parent->tgid", "process id of the parent", func(r *taskRowRecord) int64 { return int64(r.Ppid) })
	pgid = number("PGID", 7, "", "signal->pids[PIDTYPE_PGID]", "process group", func(r *taskRowRecord) int64 { return int64(r.Pgid) })
	sid  = number("SID", 7, "", "signal->pids[PIDTYPE_SID]", "session", func(r *taskRowRecord) int64 { return int64(r.Sid) })
	uid  = number("UID", 5, "", "real_cred->euid", "effective user", func(r *taskRowRecord) int64 { return int64(r.Euid) })
	gid  = number("GID", 5, "", "real_cred->egid", "effective group", func(r *taskRowRecord) int64 { return int64(r.Egid) })
	tty  = column{Name: "TTY", Width: 6, Source: "signal->tty", Doc: "controlling terminal", Text: func(dst []byte, r row) ([]byte, bool) {
		if r.rec.Tty == 0 {
			return dst, false
		}
		return appendTTY(dst, r.rec.Tty), true
	}}
	state = column{Name: "STATE", Width: 5, Source: "__state, exit_state",
		Doc: "R running, S sleeping, D uninterruptible, T stopped, t traced, Z zombie, X dead, P parked, I idle",
		Text: func(dst []byte, r row) ([]byte, bool) {
			return append(dst, stateLetter(r.rec.State, r.rec.ExitState)), true
		}}
	nice    = number("NICE", 4, "", "static_prio - 120", "nice value, -20 to 19", func(r *taskRowRecord) int64 { return int64(r.Nice) })
	threads = number("THREADS", 7, "", "signal->nr_threads", "threads of the process", func(r *taskRowRecord) int64 { return int64(r.Threads) })
	vsz     = number("VSZ_KB", 9, "KiB", "mm->total_vm", "virtual memory", func(r *taskRowRecord) int64 { return kib(r.Vsize) })
	rss     = number("RSS_KB", 8, "KiB", "mm->rss_stat", "resident memory, as field 24 of stat counts it", func(r *taskRowRecord) int64 { return kib(r.Rss) })
	utime   = cpuTime("UTIME_MS", "utime, signal->utime", "CPU time in user mode, with that of threads that have ended (in threads: of this thread)", func(u, _ uint64) uint64 { return u })
	stime   = cpuTime("STIME_MS", "stime, signal->stime", "CPU time in the kernel, likewise", func(_, s uint64) uint64 { return s })
	pidns   = positive("PIDNS", 10, "thread_pid->numbers[level].ns->ns.inum", "inode number of the pid namespace; - for a task that was reaped", func(r *taskRowRecord) uint32 { return r.Pidns })
	netns   = positive("NETNS", 10, "nsproxy->net_ns->ns.inum", "inode number of the network namespace; - for a zombie", func(r *taskRowRecord) uint32 { return r.Netns })
	comm    = column{Name: "COMM", Source: "comm; kthread->full_name, worker->desc", Doc: "name, as comm in procfs", Text: func(dst []byte, r row) ([]byte, bool) {
		return appendName(dst, &r.rec.Comm, r.kthread), true
	}}
)

func kib(pages uint64) int64 { return int64(pages * uint64(os.Getpagesize()) / 1024) }

// start is a column of times to which an offset is added.
func start(offset int64) column {
	return number("START_MS", 10, "ms after boot", "start_boottime", "start, as the reader's time namespace has it", func(r *taskRowRecord) int64 { return (int64(r.Key.Start) + offset) / 1e6 })
}

// cgroup is a column of paths from a root.
func cgroup(root *bpf.CgroupRoot) column {
	return column{Name: "CGROUP", Width: 12, Source: "cgroups->dfl_cgrp", Doc: "path in the cgroup v2 hierarchy, from the reader's root; - when it is deeper than 64",
		Text: func(dst []byte, r row) ([]byte, bool) {
			start := len(dst)
			dst, ok := appendCgroup(dst, r.items)
			if ok {
				dst = root.Relative(dst, start)
			}
			return dst, ok
		}}
}

// The tables, for readers for whom cgroups' paths begin at a root, and whose clocks have
// an offset.

func processes(root *bpf.CgroupRoot, offset int64) bpf.Table[row] {
	return bpf.Table[row]{Source: source[taskRowRecord](), Columns: []column{
		pid, ppid, pgid, sid, uid, gid, tty, state, nice, threads, vsz, rss, utime, stime, start(offset), cgroup(root), pidns, netns, comm}}
}

func threadTable(root *bpf.CgroupRoot, offset int64) bpf.Table[row] {
	return bpf.Table[row]{Source: source[taskRowRecord](), Columns: []column{
		pid, tid, ppid, pgid, sid, uid, gid, tty, state, nice, threads, utime, stime, start(offset), cgroup(root), pidns, netns, comm}}
}

// threadsOfProcess has the threads under the key of their process.
func threadsOfProcess(root *bpf.CgroupRoot, offset int64) bpf.Table[row] {
	t := threadTable(root, offset)
	t.Source.Key = func(r row) bpf.Key { return bpf.Key{ID: r.rec.Key.NativeTgid, Birth: r.rec.ProcessStart} }
	return t
}

// rowFile is a file of a table, with the reader's numbers of users and groups, clock
// and paths of cgroups.
func rowFile(table func(*bpf.CgroupRoot, int64) bpf.Table[row], path, program, doc string) bpf.File {
	f := table(nil, 0).File(path, program, doc)
	f.Open = func(r bpf.Request, form bpf.Form) (bpf.Content, error) {
		reader, err := foreignerOf(r)
		if err != nil {
			return nil, err
		}
		offset, err := bootOffset(r)
		if err != nil {
			return nil, err
		}
		roots, err := r.Reader.CgroupRoots(context.Background())
		if err != nil {
			return nil, err
		}
		root, err := roots.Of(0)
		if err != nil {
			return nil, err
		}
		if reader == nil && root == nil && offset == 0 {
			return r.Render(program, r.File.As(form))
		}
		foreign := table(root, offset)
		if reader != nil {
			foreign.Source = foreign.Source.Changed(reader.forRow)
		}
		return r.Render(program, foreign.As(form))
	}
	return f
}

// allThreads makes the kernel visit a process's threads, not the first alone.
func allThreads(f bpf.File) bpf.File {
	open := f.Open
	f.Open = func(r bpf.Request, form bpf.Form) (bpf.Content, error) {
		r.Params.PID, r.Params.TID = r.Params.TID, 0
		return open(r, form)
	}
	return f
}
