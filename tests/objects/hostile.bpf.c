// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* Programs at the kernel's limits. */
#include "kernel.h"

char block[33000] = {};
int last_pid = 0;

/* Asks for ever for the same object. */
SEC("iter/task")
int again_for_ever(struct bpf_iter__task *ctx)
{
	return 1;
}

/* Asks once for each object, then tells of it. */
SEC("iter/task")
int again_once(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	if (last_pid != task->pid) {
		last_pid = task->pid;
		return 1;
	}
	BPF_SEQ_PRINTF(ctx->meta->seq, "%d\n", task->pid);
	return 0;
}

/* Some lines, then an object that no buffer holds. */
SEC("iter/task")
int too_large(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	if (ctx->meta->seq_num < 3)
		BPF_SEQ_PRINTF(ctx->meta->seq, "%d\n", task->pid);
	else
		bpf_seq_write(ctx->meta->seq, block, sizeof(block));
	return 0;
}

/* As much of an object as the buffer holds. */
SEC("iter/task")
int large(struct bpf_iter__task *ctx)
{
	if (ctx->task)
		bpf_seq_write(ctx->meta->seq, block, 32767);
	return 0;
}
