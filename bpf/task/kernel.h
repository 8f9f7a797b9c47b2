/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One accessor for each field behind a task that has moved between 5.10 and
 * today. A flavour is named after the last form of the field: ___pre_X is what
 * stood before change X.
 */
#ifndef ITERFS_TASK_KERNEL_H
#define ITERFS_TASK_KERNEL_H

#include "access.h"
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

/* 0258b5fd7c71 ("coredump: Limit coredumps to a single thread group"), 5.16 */
struct mm_struct___pre_group_dump {
	void *core_state;
} KERNEL_TYPE;

/* bb6525f2f8c4 ("mm: add bitmap mm->flags field"), 6.18 */
struct mm_struct___pre_bitmap {
	unsigned long flags;
} KERNEL_TYPE;

/* d64696905554 ("Reimplement RLIMIT_SIGPENDING on top of ucounts"), 5.14 */
struct user_struct {
	atomic_t sigpending;
} KERNEL_TYPE;

struct cred___pre_ucounts {
	struct user_struct *user;
} KERNEL_TYPE;

/* de399236e240 ("ucounts: Split rlimit and ucount values and max values"), 6.0 */
struct ucounts___pre_split {
	atomic64_t ucount[1];
} KERNEL_TYPE;

enum ucount_type___pre_split {
	UCOUNT_RLIMIT_SIGPENDING___pre_split,
};

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

/* read is LOAD of a node that the verifier knows, BPF_CORE_READ of any other. */
#define LOAD(p, field) ((p)->field)
#define KERNFS_PARENT(kn, read)                                                                    \
	(bpf_core_field_exists((kn)->__parent) ?                                                   \
		 read(kn, __parent) : read((struct kernfs_node___pre_rcu *)(kn), parent))

/* get_task_mm(): a kernel thread that borrows an mm shows none. */
static __always_inline struct mm_struct *task_mm(struct task_struct *t)
{
	return t->flags & PF_KTHREAD ? 0 : t->mm;
}

enum { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES };

/*
 * The pages of one kind, without what single CPUs have not yet added; the verifier
 * of 5.10 does not load from an array of a typedef. CO-RE wants i to be literal.
 */
#define MM_COUNTER(mm, i)                                                                          \
	(bpf_core_type_exists(struct mm_rss_stat) ?                                                \
		 BPF_CORE_READ((struct mm_struct___pre_percpu *)mm, rss_stat.count[i].counter) :   \
		 mm->rss_stat[i].count)

/* The pages that get_mm_rss() counts: files, anonymous, shmem; each at least 0. */
static __always_inline u64 mm_rss(struct mm_struct *mm)
{
	s64 file = MM_COUNTER(mm, MM_FILEPAGES);
	s64 anon = MM_COUNTER(mm, MM_ANONPAGES);
	s64 shmem = MM_COUNTER(mm, MM_SHMEMPAGES);

	return (file > 0 ? file : 0) + (anon > 0 ? anon : 0) + (shmem > 0 ? shmem : 0);
}

/* The flag of prctl(PR_SET_THP_DISABLE), MMF_DISABLE_THP or MMF_DISABLE_THP_COMPLETELY. */
static __always_inline _Bool mm_disables_thp(struct mm_struct *mm)
{
	unsigned long flags;

	if (bpf_core_field_exists(mm->flags.__mm_flags))
		flags = mm->flags.__mm_flags[0];
	else
		flags = ((struct mm_struct___pre_bitmap *)mm)->flags;
	return flags >> 24 & 1;
}

static __always_inline _Bool is_dumping_core(struct signal_struct *sig, struct mm_struct *mm)
{
	if (bpf_core_field_exists(sig->core_state))
		return sig->core_state;
	return ((struct mm_struct___pre_group_dump *)mm)->core_state;
}

#define UCOUNT_RLIMIT_SIGPENDING 2

/* How many signals are queued for the user, of the task's real user id. */
static __always_inline u32 signals_of_user(const struct cred *cred)
{
	void *rlimit;
	u64 n = 0;

	if (bpf_core_field_exists(((struct user_struct *)0)->sigpending))
		return BPF_CORE_READ((struct cred___pre_ucounts *)cred, user, sigpending.counter);
	rlimit = cred->ucounts;
	if (bpf_core_field_exists(((struct ucounts *)0)->rlimit))
		rlimit += bpf_core_field_offset(struct ucounts, rlimit) + UCOUNT_RLIMIT_SIGPENDING * sizeof(n);
	else
		rlimit += bpf_core_field_offset(struct ucounts___pre_split, ucount) + sizeof(n) *
			  bpf_core_enum_value(enum ucount_type___pre_split, UCOUNT_RLIMIT_SIGPENDING___pre_split);
	bpf_probe_read_kernel(&n, sizeof(n), rlimit);
	return n;
}

/* The number of a struct pid in the initial namespace; 0 for none, as pid_nr(). */
static __always_inline int pid_nr(struct pid *pid)
{
	return pid ? pid->numbers[0].nr : 0;
}

enum { PIDTYPE_TGID = 1, PIDTYPE_PGID, PIDTYPE_SID };

/* Those of a task's kin, for a reader who knows them by others. */
static __always_inline void renumber_kin(s32 *ppid, s32 *pgid, s32 *sid, struct task_struct *t, struct reader *reader)
{
	if (!restricted || !reader->pid_level || !t->sighand)
		return;
	*ppid = shown_tgid(t->real_parent, reader);
	*pgid = shown_nr(t->signal->pids[PIDTYPE_PGID], reader);
	*sid = shown_nr(t->signal->pids[PIDTYPE_SID], reader);
}

/*
 * Set where a program tells about threads and of each what is its own: bpf.Params.Consts.
 * A file of procfs that is in both directories is made by one program.
 */
const volatile _Bool of_threads;

/* The reader, of a process that there is for the reader; 0 for all other tasks. */
static __always_inline struct reader *reader_of_process(struct task_struct *t)
{
	struct reader *reader;

	if (!t || (t->pid != t->tgid && !of_threads))
		return 0;
	reader = reader_of_run();
	return is_visible(t, reader, 1) ? reader : 0;
}

#endif
