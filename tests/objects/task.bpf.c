// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* Tasks, and their kernel stacks: two programs in one object. */
#include "kernel.h"

SEC("iter/task")
int dump_task(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;

	if (!task) {
		BPF_SEQ_PRINTF(seq, "    === END ===\n");
		return 0;
	}
	if (ctx->meta->seq_num == 0)
		BPF_SEQ_PRINTF(seq, "    tgid      gid\n");
	BPF_SEQ_PRINTF(seq, "%8d %8d %s\n", task->tgid, task->pid, task->comm);
	return 0;
}

#define DEPTH 64

unsigned long entries[DEPTH] = {};

SEC("iter/task")
int dump_task_stack(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	long i, size;

	if (!task)
		return 0;
	size = bpf_get_task_stack(task, entries, sizeof(entries), 0);
	if (size < 0)
		return 0;
	BPF_SEQ_PRINTF(seq, "pid: %8u num_entries: %8u\n", task->pid, (unsigned int)(size / 8));
	for (i = 0; i < DEPTH; i++)
		if (size > i * 8)
			BPF_SEQ_PRINTF(seq, "[<0>] %pB\n", (void *)entries[i]);
	BPF_SEQ_PRINTF(seq, "\n");
	return 0;
}
