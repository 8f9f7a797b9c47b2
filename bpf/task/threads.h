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
static __always_inline void add_thread(struct sums *s, struct task_struct *t)
{
	s->min_flt += t->min_flt;
	s->maj_flt += t->maj_flt;
	s->gtime += t->gtime;
	s->utime += t->utime;
	s->stime += t->stime;
	s->runtime += t->se.sum_exec_runtime;
}

static __always_inline void add_listed_thread(struct sums *s, struct task_struct *t)
{
	s->min_flt += BPF_CORE_READ(t, min_flt);
	s->maj_flt += BPF_CORE_READ(t, maj_flt);
	s->gtime += BPF_CORE_READ(t, gtime);
	s->utime += BPF_CORE_READ(t, utime);
	s->stime += BPF_CORE_READ(t, stime);
	s->runtime += BPF_CORE_READ(t, se.sum_exec_runtime);
}

/* Follows signal->thread_head; says whether threads were left out. */
static __always_inline u32 add_listed_threads(struct sums *s, struct signal_struct *sig)
{
	void *head = (void *)sig + bpf_core_field_offset(struct signal_struct, thread_head);
	void *node = BPF_CORE_READ(sig, thread_head.next);

	for (int i = 0; i < MAX_LISTED_THREADS; i++) {
		if (node == head || !node)
			return 0;
		add_listed_thread(s, node - bpf_core_field_offset(struct task_struct, thread_node));
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
		if (sig->nr_threads < 2) {
			add_thread(s, t);
		} else if (&bpf_iter_task_new) {
			struct bpf_iter_task it;
			struct task_struct *thread;

			bpf_iter_task_new(&it, t, BPF_TASK_ITER_PROC_THREADS);
			while ((thread = bpf_iter_task_next(&it)))
				add_thread(s, thread);
			bpf_iter_task_destroy(&it);
		} else {
			cut = add_listed_threads(s, sig);
		}
		times->prev_utime = sig->prev_cputime.utime;
		times->prev_stime = sig->prev_cputime.stime;
	}
	times->utime = s->utime;
	times->stime = s->stime;
	times->runtime = s->runtime;
	return cut;
}

#endif
