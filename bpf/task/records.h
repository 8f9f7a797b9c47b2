/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of iter/task. Each begins with an item, and so does what may
 * follow a record: the names of a kernel thread, the names of a cgroup's path, ...
 */
#ifndef ITERFS_TASK_RECORDS_H
#define ITERFS_TASK_RECORDS_H

#include "reader.h"

enum item_kind {
	ITEM_RECORD,
	ITEM_KTHREAD,
	ITEM_CGROUP,
	ITEM_HIERARCHY,
	ITEM_GROUPS,
	ITEM_PIDS,
	ITEM_ARGUMENTS,
	ITEM_STAT,
	ITEM_STATUS,
	ITEM_STATM,
	ITEM_CMDLINE,
};

struct item {
	u32 kind;
	u32 size; /* with this header; a multiple of 8 */
};

struct task_key {
	u32 tgid, tid;               /* as the reader numbers them */
	u32 native_tgid, native_tid; /* as the daemon does */
	u64 start;                   /* ns after boot */
};

/* Of a task whose numbers have been found. */
#define START_RECORD(r, t, reader)                                                           \
	do {                                                                                 \
		(r)->item = (struct item){ .kind = ITEM_RECORD, .size = sizeof(*(r)) };      \
		(r)->key = (struct task_key){ .tgid = NUMBER(t, reader, tgid, tgid),         \
					      .tid = NUMBER(t, reader, tid, pid),            \
					      .native_tgid = NUMBER(t, reader, native_tgid, tgid), \
					      .native_tid = NUMBER(t, reader, native_tid, pid), \
					      .start = (t)->start_boottime };                \
	} while (0)

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
	u64 process_start; /* of the first thread */
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
	u64 process_start; /* of the first thread */
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
	u16 incomplete; /* the real file has what this program could not find out */
	u16 untraced;   /* the reader may not see what takes the right to trace */
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

/* By MM_FILEPAGES, ...; rough without what single CPUs have not yet added. */
struct page_counts {
	s64 rough[4];
	s64 exact[4];
};

/* What is mapped and resident. */
struct sizes {
	u64 total_vm, data_vm, stack_vm; /* pages */
	u64 start_code, end_code;
	struct page_counts pages;
	u32 incomplete, pad;
};

struct statm_record {
	struct item item;
	struct task_key key;
	struct sizes sizes; /* zero where it has no mm */
};

/* The part of a status record that comes of the task, its signals and credentials. */
struct status_task {
	struct item item; /* of the whole record */
	struct task_key key;
	s32 ppid, tracer, pgid, sid;
	s32 ngid;
	s32 umask; /* -1: none any more */
	u32 state, exit_state, flags;
	u32 fd_size;
	u32 uids[4], gids[4]; /* real, effective, saved, filesystem */
	u32 groups; /* how many follow in items */
	u32 threads;
	u32 queued_signals;
	u32 incomplete;
	u64 queued_signals_limit;
	u64 sig_pending, shared_pending, sig_blocked, sig_ignored, sig_caught;
	u64 cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
	u64 atomic_flags;
	u32 seccomp, seccomp_filters;
	u64 voluntary_switches, involuntary_switches;
	u64 features, features_locked; /* of x86 */
	char comm[16];
};

/* The part that comes of its mm; zero where it has none. */
struct status_mm {
	u32 present;
	u32 dumping_core, thp_disabled, pad;
	u64 hiwater_vm, locked_vm, pinned_vm, hiwater_rss, exec_vm; /* pages */
	u64 page_tables; /* bytes */
	u64 hugetlb; /* pages */
	u64 untag_mask; /* 0 where the kernel has the same for all */
	struct sizes sizes;
};

/* A machine with wider masks has the real files read. */
struct status_masks {
	u64 cpus[16];
	u64 mems[16];
};

/* Written in its three parts, which do not fit on the stack together. */
struct status_record {
	struct status_task task;
	struct status_mm mm;
	struct status_masks masks;
};

struct groups_item {
	struct item item;
	u32 gids[64]; /* at most GROUPS_PER_ITEM of them */
};

/* The numbers of a task in a pid namespace below the initial one, outermost first. */
struct pids_item {
	struct item item;
	s32 tgid, pid, pgid, sid;
};

struct io_record {
	struct item item;
	struct task_key key;
	u64 rchar, wchar, syscr, syscw;
	u64 read_bytes, write_bytes, cancelled_write_bytes;
	u32 incomplete, pad;
};

struct limits_record {
	struct item item;
	struct task_key key;
	struct {
		u64 soft, hard;
	} limits[16];
	u32 present; /* 0 for a task that has been reaped */
	u32 incomplete;
};

struct cgroup_record {
	struct item item;
	struct task_key key;
};

/* A hierarchy, and behind it the names of the path in it. */
struct hierarchy_item {
	struct item item;
	s32 id;
	u16 deleted;
	u16 exiting; /* the path is / whatever the root */
	u64 cgroup;  /* its own id, which no other has had */
};

struct cmdline_record {
	struct item item;
	struct task_key key;
	u64 length; /* of all arguments, by the process's own account */
	u32 incomplete, pad;
};

/* Arguments, one piece after another; one without any says that they could not be read. */
struct arguments_item {
	struct item item;
	u32 length, pad;
	char data[264]; /* PIECE_SIZE, and what the verifier adds to it */
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
