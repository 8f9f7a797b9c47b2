/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's types behind a task, with the fields read here, and one accessor
 * for each field that has moved between 5.10 and today. A flavour is named
 * after the last form of the field: ___pre_X is what stood before change X.
 */
#ifndef ITERFS_TASK_KERNEL_H
#define ITERFS_TASK_KERNEL_H

#include "iter.h"

#define PF_EXITING 0x00000004
#define PF_WQ_WORKER 0x00000020
#define PF_DUMPCORE 0x00000200
#define PF_KTHREAD 0x00200000

typedef struct {
	u32 val;
} kuid_t;

struct list_head {
	struct list_head *next;
} KERNEL_TYPE;

struct ns_common {
	u32 inum;
} KERNEL_TYPE;

struct pid_namespace {
	struct ns_common ns;
} KERNEL_TYPE;

struct upid {
	int nr;
	struct pid_namespace *ns;
} KERNEL_TYPE;

struct pid {
	u32 level;
	struct upid numbers[1];
} KERNEL_TYPE;

struct net {
	struct ns_common ns;
} KERNEL_TYPE;

struct nsproxy {
	struct net *net_ns;
} KERNEL_TYPE;

struct cred {
	kuid_t euid;
	kuid_t egid;
} KERNEL_TYPE;

struct kernfs_node {
	struct kernfs_node *__parent;
	const char *name;
	u64 id;
} KERNEL_TYPE;

/* 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent."), 6.15 */
struct kernfs_node___pre_rcu {
	struct kernfs_node *parent;
} KERNEL_TYPE;

struct cgroup_root {
	int hierarchy_id;
} KERNEL_TYPE;

struct cgroup {
	int level;
	struct kernfs_node *kn;
	struct cgroup_root *root;
	struct cgroup *ancestors[1];
} KERNEL_TYPE;

struct css_set {
	struct cgroup *dfl_cgrp;
	struct list_head cgrp_links;
} KERNEL_TYPE;

struct cgrp_cset_link {
	struct cgroup *cgrp;
	struct list_head cgrp_link;
} KERNEL_TYPE;

struct tty_driver {
	int major;
	int minor_start;
} KERNEL_TYPE;

struct tty_struct {
	struct tty_driver *driver;
	int index;
	struct {
		struct pid *pgrp;
	} ctrl;
} KERNEL_TYPE;

/* 4f6ec8602341 ("tty: Move tty_struct::pgrp and session into a struct"), 5.16 */
struct tty_struct___pre_ctrl {
	struct pid *pgrp;
} KERNEL_TYPE;

typedef struct {
	unsigned long sig[1];
} sigset_t;

struct sigpending {
	sigset_t signal;
} KERNEL_TYPE;

struct sigaction {
	void *sa_handler;
} KERNEL_TYPE;

struct k_sigaction {
	struct sigaction sa;
} KERNEL_TYPE;

struct sighand_struct {
	struct k_sigaction action[64];
} KERNEL_TYPE;

struct prev_cputime {
	u64 utime;
	u64 stime;
} KERNEL_TYPE;

struct rlimit {
	u64 rlim_cur;
} KERNEL_TYPE;

struct signal_struct {
	struct list_head thread_head;
	int nr_threads;
	int group_exit_code;
	u32 flags;
	struct pid *pids[4];
	struct tty_struct *tty;
	u64 utime, stime, cutime, cstime;
	u64 gtime, cgtime;
	struct prev_cputime prev_cputime;
	unsigned long min_flt, maj_flt, cmin_flt, cmaj_flt;
	u64 sum_sched_runtime;
	struct rlimit rlim[16];
} KERNEL_TYPE;

struct percpu_counter {
	s64 count;
} KERNEL_TYPE;

struct mm_struct {
	unsigned long total_vm;
	unsigned long start_code, end_code, start_data, end_data;
	unsigned long start_brk, start_stack;
	unsigned long arg_start, arg_end, env_start, env_end;
	struct percpu_counter rss_stat[4];
} KERNEL_TYPE;

/* f1a7941243c1 ("mm: convert mm's rss stats into percpu_counter"), 6.2 */
struct mm_rss_stat {
	atomic64_t count[4];
} KERNEL_TYPE;

struct mm_struct___pre_percpu {
	struct mm_rss_stat rss_stat;
} KERNEL_TYPE;

struct sched_entity {
	u64 sum_exec_runtime;
} KERNEL_TYPE;

struct task_delay_info {
	u64 blkio_delay;
} KERNEL_TYPE;

struct thread_info {
	u32 cpu;
} KERNEL_TYPE;

typedef struct {
	atomic_t refs;
} KERNEL_TYPE refcount_t;

struct workqueue_struct {
	char name[32];
} KERNEL_TYPE;

struct workqueue_attrs {
	int nice;
} KERNEL_TYPE;

struct worker_pool {
	int cpu;
	int id;
	struct workqueue_attrs *attrs;
} KERNEL_TYPE;

struct work_struct;

struct worker {
	struct work_struct *current_work;
	struct worker_pool *pool;
	int id;
	char desc[32];
	struct workqueue_struct *rescue_wq;
} KERNEL_TYPE;

struct kthread {
	void *data;
	char *full_name;
} KERNEL_TYPE;

struct task_struct {
	u32 __state;
	int exit_state;
	int exit_code;
	int exit_signal;
	u32 flags;
	struct thread_info thread_info;
	refcount_t stack_refcount;
	int prio, static_prio;
	u32 rt_priority;
	u32 policy;
	struct sched_entity se;
	struct mm_struct *mm;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct pid *thread_pid;
	struct list_head thread_node;
	void *worker_private;
	u64 utime, stime, gtime;
	struct prev_cputime prev_cputime;
	u64 start_boottime;
	unsigned long min_flt, maj_flt;
	const struct cred *real_cred;
	char comm[16];
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	sigset_t blocked;
	struct sigpending pending;
	struct task_delay_info *delays;
	struct css_set *cgroups;
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

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
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
