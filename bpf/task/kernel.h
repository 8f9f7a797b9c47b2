/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One accessor for each field behind a task that has moved between 5.10 and
 * today. A flavour is named after the last form of the field: ___pre_X is what
 * stood before change X.
 */
#ifndef ITERFS_TASK_KERNEL_H
#define ITERFS_TASK_KERNEL_H

#include "types.h"

/* 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent."), 6.15 */
struct kernfs_node___pre_rcu {
	struct kernfs_node *parent;
} KERNEL_TYPE;

/* 4f6ec8602341 ("tty: Move tty_struct::pgrp and session into a struct"), 5.16 */
struct tty_struct___pre_ctrl {
	struct pid *pgrp;
} KERNEL_TYPE;

/* f1a7941243c1 ("mm: convert mm's rss stats into percpu_counter"), 6.2 */
struct mm_rss_stat {
	atomic64_t count[4];
} KERNEL_TYPE;

struct mm_struct___pre_percpu {
	struct mm_rss_stat rss_stat;
} KERNEL_TYPE;

/* 2f064a59a11f ("sched: Change task_struct::state"), 5.14 */
struct task_struct___pre_state {
	long state;
} KERNEL_TYPE;

/* bcf9033e5449 ("sched: move CPU field back into thread_info if THREAD_INFO_IN_TASK=y"), 5.16 */
struct task_struct___pre_cpu {
	u32 cpu;
} KERNEL_TYPE;

/* e32cf5dfbe22 ("kthread: Generalize pf_io_worker so it can point to struct kthread"), 5.17 */
struct task_struct___pre_worker {
	int *set_child_tid;
} KERNEL_TYPE;

static __always_inline u32 task_state(struct task_struct *t)
{
	if (bpf_core_field_exists(t->__state))
		return t->__state;
	return ((struct task_struct___pre_state *)t)->state;
}

static __always_inline u32 task_cpu(struct task_struct *t)
{
	if (bpf_core_field_exists(((struct task_struct___pre_cpu *)t)->cpu))
		return ((struct task_struct___pre_cpu *)t)->cpu;
	return t->thread_info.cpu;
}

/*
 * Before 5.16 stat shows whether the kernel, unwinding the task's stack, finds a
 * caller (get_wchan()); since then only whether the task sleeps. The kernel with
 * that change is told by another of the same release.
 */
static __always_inline _Bool wchan_is_unwound(struct task_struct *t)
{
	return bpf_core_field_exists(((struct task_struct___pre_cpu *)t)->cpu);
}

/*
 * Of a process that has stopped or is ending, 5.10 shows its first thread's exit
 * code and 6.1 the group's. What lies between is told by a change of 5.17.
 */
static __always_inline _Bool shows_group_exit_code(struct task_struct *t)
{
	return bpf_core_field_exists(t->worker_private);
}

static __always_inline void *task_kthread(struct task_struct *t)
{
	if (bpf_core_field_exists(t->worker_private))
		return t->worker_private;
	return ((struct task_struct___pre_worker *)t)->set_child_tid;
}

static __always_inline struct pid *tty_pgrp(struct tty_struct *tty)
{
	if (bpf_core_field_exists(tty->ctrl.pgrp))
		return tty->ctrl.pgrp;
	return ((struct tty_struct___pre_ctrl *)tty)->pgrp;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(kn->__parent))
		return kn->__parent;
	return ((struct kernfs_node___pre_rcu *)kn)->parent;
}

/* The pages that get_mm_rss() counts: files, anonymous, shmem; each at least 0. */
static __always_inline u64 mm_rss(struct mm_struct *mm)
{
	s64 file, anon, shmem;

	if (bpf_core_type_exists(struct mm_rss_stat)) {
		struct mm_struct___pre_percpu *old = (void *)mm;

		/* The verifier of 5.10 does not load from an array of a typedef. */
		file = BPF_CORE_READ(old, rss_stat.count[0].counter);
		anon = BPF_CORE_READ(old, rss_stat.count[1].counter);
		shmem = BPF_CORE_READ(old, rss_stat.count[3].counter);
	} else {
		file = mm->rss_stat[0].count;
		anon = mm->rss_stat[1].count;
		shmem = mm->rss_stat[3].count;
	}
	return (file > 0 ? file : 0) + (anon > 0 ? anon : 0) + (shmem > 0 ? shmem : 0);
}

/* The number of a struct pid in the initial namespace; 0 for none, as pid_nr(). */
static __always_inline int pid_nr(struct pid *pid)
{
	return pid ? pid->numbers[0].nr : 0;
}

#endif
