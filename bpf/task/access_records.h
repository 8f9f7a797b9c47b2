/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The records about readers: who they are, what they may see. */
#ifndef ITERFS_TASK_ACCESS_RECORDS_H
#define ITERFS_TASK_ACCESS_RECORDS_H

#include "identity.h"
#include "records.h"

struct identity_record {
	struct item item;
	u32 tid; /* in the daemon's namespace */
	u32 pad;
	struct reader reader;
};

struct access_record {
	struct item item;
	struct task_key key;
	u32 may_read;
	u32 may_read_memory;
};

SEC("iter/task")
int identity_records(struct bpf_iter__task *ctx)
{
	struct identity_record r = { .item = { .kind = ITEM_RECORD, .size = sizeof(r) } };
	struct task_struct *t = ctx->task;

	if (!t || !t->thread_pid)
		return 0;
	identify(&r.reader, t);
	r.tid = pid_nr_in(laundered(t->thread_pid), r.reader.native_ns, r.reader.native_level);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

SEC("iter/task")
int access_records(struct bpf_iter__task *ctx)
{
	struct reader *reader = reader_of_run();
	struct task_struct *t = ctx->task;
	struct access_record r = {};

	if (!t || !is_visible(t, reader, 0))
		return 0;
	START_RECORD(&r, t, reader);
	r.may_read = may_read(t, reader);
	r.may_read_memory = may_read_memory(t, reader);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

#endif
