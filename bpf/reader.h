/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who reads: which tasks there are for the reader, and with which numbers. A
 * program that tells about tasks asks for the reader of its run, and leaves out
 * what is_visible() does not let through.
 */
#ifndef ITERFS_READER_H
#define ITERFS_READER_H

#include "iter.h"

/* The numbers of a task: as the reader knows it, and as the daemon does. */
struct task_numbers {
	u32 tgid, tid;
	u32 native_tgid, native_tid;
};

/* bpf.Identity. What points into the kernel is compared, and never followed. */
struct reader {
	u64 pid_ns;       /* whose numbers are shown */
	u64 native_ns;    /* the daemon's own, whose numbers the real /proc and the kernel's parameters have */
	u64 user_ns;
	u64 capabilities; /* effective, in user_ns */
	s64 boot_offset;  /* ns that its time namespace adds to times since boot */
	u32 pid_level, native_level, user_level;
	u32 tgid;         /* as the kernel itself numbers it */
	u32 fsuid, fsgid, euid;
	u32 hide;         /* of tasks that the reader may not trace: bpf.HidePID */
	u32 cgroup_ns;    /* its inode number */
	u32 unused;
	struct task_numbers task; /* of the one at hand: see number() */
};

#define HIDE_CONTENT 1 /* all but that there is the process */

BY_THREAD(readers, reader, restricted_reader)

/*
 * The loader clears it for readers who see every task, by the kernel's own numbers,
 * and all of it: whatever asks is then not there for the verifier, nor to be paid for.
 */
const volatile u32 restricted = 1;
struct reader unrestricted_reader = {};

static __always_inline struct reader *reader_of_run(void)
{
	return restricted ? restricted_reader() : &unrestricted_reader;
}

struct signal_struct___reader {
	void *pids[2];
} KERNEL_TYPE;

struct task_struct___reader {
	int pid, tgid;
	struct pid___args *thread_pid;
	struct signal_struct___reader *signal;
} KERNEL_TYPE;

/*
 * The number of a struct pid in a namespace, which is at that level, not below its own;
 * 0 for one that is not visible there. It is no function of its own: before 6.4 the
 * verifier cannot follow a value through a call, and takes every value for one that
 * matters.
 */
static __always_inline int pid_nr_at(u64 pid, u64 ns, u32 level)
{
	struct upid___args *upid = upid_at((void *)pid, level);

	return (u64)BPF_CORE_READ(upid, ns) == ns ? BPF_CORE_READ(upid, nr) : 0;
}

/* pid_nr_ns(): of one that may be of a level above. */
static __always_inline int pid_nr_in(u64 pid, u64 ns, u32 level)
{
	struct pid___args *p = (void *)pid;

	if (!p || BPF_CORE_READ(p, level) < level)
		return 0;
	return pid_nr_at(pid, ns, level);
}

/*
 * What the verifier knows as a pointer, as the number that it is: it allows no
 * offset that varies on one that it knows.
 */
static __always_inline u64 laundered(const void *pointer)
{
	u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &pointer);
	return number;
}

/*
 * The numbers that a reader knows others by. These are for readers who have other
 * numbers than the kernel itself: reader->pid_level is not 0.
 */
static __always_inline int shown_nr(const void *pid, struct reader *reader)
{
	return pid_nr_in(laundered(pid), reader->pid_ns, reader->pid_level);
}

static __always_inline int shown_tgid(const void *task, struct reader *reader)
{
	struct task_struct___reader *t = (void *)task;

	return shown_nr(t->signal->pids[1], reader); /* PIDTYPE_TGID */
}

static __always_inline int shown_tid(const void *task, struct reader *reader)
{
	struct task_struct___reader *t = (void *)task;

	return shown_nr(t->thread_pid, reader);
}

/*
 * Whether a task is of a namespace above the reader's level, and thus not there for
 * him: of what he cannot see nothing else is to be read.
 */
static __always_inline _Bool is_above(const void *task, struct reader *reader)
{
	struct task_struct___reader *t = (void *)task;

	return t->thread_pid->level < reader->pid_level;
}

/* One of the numbers of a task, which have been found, or the kernel's own. */
#define NUMBER(t, reader, name, own) (restricted ? (reader)->task.name : (t)->own)

/*
 * Finds the numbers of a task. In the initial namespace they are the kernel's own. The
 * first thread of a process has one number for both.
 */
static __always_inline void number(const void *task, struct reader *reader)
{
	struct task_struct___reader *t = (void *)task;
	struct task_numbers *n = &reader->task;

	if (!restricted)
		return;
	n->tgid = n->native_tgid = t->tgid;
	n->tid = n->native_tid = t->pid;
	if (reader->native_level) {
		n->native_tgid = pid_nr_in(laundered(t->signal->pids[1]), reader->native_ns, reader->native_level);
		n->native_tid = pid_nr_in(laundered(t->thread_pid), reader->native_ns, reader->native_level);
	}
	if (reader->pid_level) {
		n->tid = is_above(t, reader) ? 0 : pid_nr_at(laundered(t->thread_pid), reader->pid_ns, reader->pid_level);
		n->tgid = t->pid == t->tgid ? n->tid : shown_tgid(t, reader);
	}
}

#endif
