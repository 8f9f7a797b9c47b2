/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a process has read and written, and its limits: do_io_accounting(), proc_pid_limits() of fs/proc/base.c. */
#ifndef ITERFS_TASK_USAGE_H
#define ITERFS_TASK_USAGE_H

#include "threads.h"

/* a is a pointer that the verifier knows: plain loads. */
static __always_inline void add_io(struct io_record *r, struct task_io_accounting *a)
{
	r->rchar += a->rchar;
	r->wchar += a->wchar;
	r->syscr += a->syscr;
	r->syscw += a->syscw;
	r->read_bytes += a->read_bytes;
	r->write_bytes += a->write_bytes;
	r->cancelled_write_bytes += a->cancelled_write_bytes;
}

static __always_inline void add_io_of_thread(void *r, struct task_struct *t)
{
	add_io(r, &t->ioac);
}

static __always_inline void add_io_of_listed_thread(void *r, struct task_struct *t)
{
	struct task_io_accounting a = {
		.rchar = BPF_CORE_READ(t, ioac.rchar),
		.wchar = BPF_CORE_READ(t, ioac.wchar),
		.syscr = BPF_CORE_READ(t, ioac.syscr),
		.syscw = BPF_CORE_READ(t, ioac.syscw),
		.read_bytes = BPF_CORE_READ(t, ioac.read_bytes),
		.write_bytes = BPF_CORE_READ(t, ioac.write_bytes),
		.cancelled_write_bytes = BPF_CORE_READ(t, ioac.cancelled_write_bytes),
	};

	add_io(r, &a);
}

SEC("iter/task")
int io_records(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_process(t);
	struct io_record r = {};

	if (!reader || !may_read(t, reader) || !may_open_private(t, reader))
		return 0;
	START_RECORD(&r, t, reader);
	if (bpf_core_field_exists(t->ioac.rchar) && bpf_core_field_exists(t->ioac.read_bytes)) {
		if (of_threads) {
			add_io(&r, &t->ioac);
		} else {
			add_io(&r, &t->signal->ioac);
			r.incomplete = each_thread(t, add_io_of_thread, add_io_of_listed_thread, &r);
		}
	} else {
		r.incomplete = 1;
	}
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

SEC("iter/task")
int limits_records(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_process(t);
	struct limits_record r = {};

	if (!reader)
		return 0;
	START_RECORD(&r, t, reader);
	if (bpf_core_field_size(t->signal->rlim) != sizeof(r.limits))
		r.incomplete = 1;
	else if (t->sighand)
		r.present = !bpf_probe_read_kernel(r.limits, sizeof(r.limits), &t->signal->rlim);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

#endif
