// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* A program that may sleep, with a kernel function that older kernels lack. */
#include "kernel.h"

extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;

SEC("iter.s/task")
int dump_sleepable(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	bool locked = 0;

	if (!task)
		return 0;
	if (bpf_rcu_read_lock && bpf_rcu_read_unlock) {
		bpf_rcu_read_lock();
		bpf_rcu_read_unlock();
		locked = 1;
	}
	BPF_SEQ_PRINTF(ctx->meta->seq, "%d %d\n", task->pid, locked);
	return 0;
}
