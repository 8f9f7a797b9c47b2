// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* Variables of every kind: one line of their values, for the task that was asked for. */
#include "kernel.h"

enum level {
	LOW = -1,
	MIDDLE,
	HIGH = 7,
};

struct pair {
	__u16 a, b;
};

const volatile int only_pid = 0;
const volatile __u64 limit = 1ULL << 40;
const volatile bool loud = 0;
const volatile enum level level = LOW;
const volatile char prefix[8] = "row";

__s8 small = -5;
__u32 color = 0xff0000;
char label[16] = "";
struct pair pair = { 1, 2 };
__u64 runs = 0;
static volatile int hidden = 0;

SEC("iter/task")
int show(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	char text[8] = {};
	int i;

	if (!task || (only_pid ? task->pid != only_pid : ctx->meta->seq_num != 0))
		return 0;
	runs++;
	hidden++;
	for (i = 0; i < 7; i++)
		text[i] = prefix[i];
	BPF_SEQ_PRINTF(seq, "%s %d %llu %d ", text, only_pid, limit, loud);
	BPF_SEQ_PRINTF(seq, "%d %d %x %s ", level, small, color, label);
	BPF_SEQ_PRINTF(seq, "%d:%d %llu %d\n", pair.a, pair.b, runs, hidden);
	return 0;
}
