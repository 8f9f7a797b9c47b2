/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of iter/task. Each begins with an item, and so does what may
 * follow a record: the names of a kernel thread, the names of a cgroup's path.
 */
#ifndef ITERFS_TASK_RECORDS_H
#define ITERFS_TASK_RECORDS_H

#include "iter.h"

enum item_kind {
	ITEM_RECORD,
	ITEM_KTHREAD,
	ITEM_CGROUP,
};

struct item {
	u32 kind;
	u32 size; /* with this header; a multiple of 8 */
};

struct task_key {
	u32 tgid;
	u32 tid;
	u64 start; /* ns after boot */
};

/* CPU time before the adjustment of kernel/sched/cputime.c, ns. */
struct cpu_times {
	u64 utime, stime, runtime;
	u64 prev_utime, prev_stime;
};

struct id_record {
	struct item item;
	struct task_key key;
	u32 euid;
	u32 egid;
};

struct name_record {
	struct item item;
	struct task_key key;
	u32 flags;
	u32 pad;
	char comm[16];
};

struct row_record {
	struct item item;
	struct task_key key;
	s32 ppid, pgid, sid;
	u32 euid, egid;
	s32 tty;
	u32 state, exit_state, flags;
	s32 nice;
	u32 threads;
	u32 pidns, netns;
	u32 incomplete; /* the times: not every thread was added up */
	u64 vsize, rss; /* pages */
	struct cpu_times times;
	char comm[16];
};

/* The part of a stat record that comes of the task and its signal_struct. */
struct stat_task {
	struct item item; /* of the whole record */
	struct task_key key;
	s32 ppid, pgid, sid, tty, tpgid;
	u32 flags;
	u32 state, exit_state;
	u64 min_flt, cmin_flt, maj_flt, cmaj_flt;
	struct cpu_times times;
	u64 cutime, cstime, gtime, cgtime, blkio; /* ns */
	s32 prio, static_prio;
	u32 threads;
	u32 incomplete; /* the real file has what this program could not find out */
	u64 rss_limit;
	u32 sig_pending, sig_blocked, sig_ignored, sig_caught;
	u32 wchan;
	s32 exit_signal;
	u32 cpu, rt_priority, policy;
	s32 exit_code;
	char comm[16];
};

/* The part that comes of its mm and registers; zero where it has none. */
struct stat_mm {
	u64 vsize, rss; /* pages */
	u64 start_code, end_code, start_stack, esp, eip;
	u64 start_data, end_data, start_brk;
	u64 arg_start, arg_end, env_start, env_end;
};

/* Written in its two parts, which do not fit on the stack together. */
struct stat_record {
	struct stat_task task;
	struct stat_mm mm;
};

/* What names a kernel thread beyond comm: get_kthread_comm(), wq_worker_comm(). */
struct kthread_item {
	struct item item;
	u32 worker, rescuer, current, has_pool;
	s32 pool_cpu, pool_id, id, nice;
	char name[64]; /* full name, or that of the rescuer's workqueue */
	char desc[32];
};

/* One component of a cgroup's path; they come leaf first. */
struct cgroup_item {
	struct item item;
	char name[264]; /* NAME_MAX and NUL, rounded up with what the verifier adds to it */
};

#endif
