/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sums over the threads of a process, as thread_group_cputime() and do_task_stat() make them. */
#ifndef ITERFS_TASK_THREADS_H
#define ITERFS_TASK_THREADS_H

#include "kernel.h"
#include "records.h"

enum { BPF_TASK_ITER_PROC_THREADS = 2 };

struct bpf_iter_task {
	u64 __opaque[3];
} __attribute__((aligned(8)));

extern int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task, unsigned int flags) __weak __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it) __weak __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *it) __weak __ksym;

/* Where the kernel has no iterator over threads (before 6.7), this many are added up. */
#define MAX_LISTED_THREADS 512

struct sums {
	u64 min_flt, maj_flt, gtime, utime, stime, runtime;
};

/* t is a pointer that the verifier knows: plain loads. */
static __always_inline void add_thread(void *sums, struct task_struct *t)
{
	struct sums *s = sums;

	s->min_flt += t->min_flt;
	s->maj_flt += t->maj_flt;
	s->gtime += t->gtime;
	s->utime += t->utime;
	s->stime += t->stime;
	s->runtime += t->se.sum_exec_runtime;
}

static __always_inline void add_listed_thread(void *sums, struct task_struct *t)
{
	struct sums *s = sums;

	s->min_flt += BPF_CORE_READ(t, min_flt);
	s->maj_flt += BPF_CORE_READ(t, maj_flt);
	s->gtime += BPF_CORE_READ(t, gtime);
	s->utime += BPF_CORE_READ(t, utime);
	s->stime += BPF_CORE_READ(t, stime);
	s->runtime += BPF_CORE_READ(t, se.sum_exec_runtime);
}

/*
 * Calls add for each thread of a process: with a pointer that the verifier knows,
 * or else add_listed with one that it does not. Says whether threads were left out.
 */
static __always_inline u32 each_thread(struct task_struct *t, void (*add)(void *sums, struct task_struct *t),
				       void (*add_listed)(void *sums, struct task_struct *t), void *sums)
{
	struct signal_struct *sig = t->signal;
	void *head, *node;

	if (sig->nr_threads < 2) {
		add(sums, t);
		return 0;
	}
	if (&bpf_iter_task_new) {
		struct bpf_iter_task it;
		struct task_struct *thread;

		bpf_iter_task_new(&it, t, BPF_TASK_ITER_PROC_THREADS);
		while ((thread = bpf_iter_task_next(&it)))
			add(sums, thread);
		bpf_iter_task_destroy(&it);
		return 0;
	}
	head = (void *)sig + bpf_core_field_offset(struct signal_struct, thread_head);
	node = BPF_CORE_READ(sig, thread_head.next);
	for (int i = 0; i < MAX_LISTED_THREADS; i++) {
		if (node == head || !node)
			return 0;
		add_listed(sums, node - bpf_core_field_offset(struct task_struct, thread_node));
		node = BPF_CORE_READ((struct list_head *)node, next);
	}
	return node != head;
}

/* Fills s and times for a process (whole) or for one thread of it; 1 when threads were left out. */
static __always_inline u32 sum_threads(struct sums *s, struct cpu_times *times, struct task_struct *t, int whole)
{
	struct signal_struct *sig = t->signal;
	u32 cut = 0;

	if (!whole) {
		*s = (struct sums){};
		add_thread(s, t);
		times->prev_utime = t->prev_cputime.utime;
		times->prev_stime = t->prev_cputime.stime;
	} else {
		s->min_flt = sig->min_flt;
		s->maj_flt = sig->maj_flt;
		s->gtime = sig->gtime;
		s->utime = sig->utime;
		s->stime = sig->stime;
		s->runtime = sig->sum_sched_runtime;
		cut = each_thread(t, add_thread, add_listed_thread, s);
		times->prev_utime = sig->prev_cputime.utime;
		times->prev_stime = sig->prev_cputime.stime;
	}
	times->utime = s->utime;
	times->stime = s->stime;
	times->runtime = s->runtime;
	return cut;
}

#endif
