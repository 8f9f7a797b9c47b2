/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The files that scans read of process after process, in one pass: those of them that a run asks for. */
#ifndef ITERFS_TASK_SWEEP_H
#define ITERFS_TASK_SWEEP_H

#include "cmdline.h"
#include "in_cgroup.h"
#include "status.h"

extern void bpf_rcu_read_lock(void) __weak __ksym;
extern void bpf_rcu_read_unlock(void) __weak __ksym;

enum swept_file {
	SWEPT_STAT,
	SWEPT_STATUS,
	SWEPT_STATM,
	SWEPT_CMDLINE,
};

/* Says whether there are arguments to be written behind the items. */
static __always_inline _Bool write_files(struct seq_file *seq, struct task_struct *t, struct reader *reader, u32 files, struct arguments *a)
{
	_Bool found = 0;

	write_kthread_item(seq, t);
	if (files & 1 << SWEPT_STAT)
		write_stat(seq, t, reader, ITEM_STAT, 1);
	if (files & 1 << SWEPT_STATUS) {
		write_status(seq, t, reader, ITEM_STATUS);
		write_pids(seq, t, reader);
		write_groups(seq, t->real_cred);
	} else if (files & 1 << SWEPT_STATM) { /* which status has as well */
		write_statm(seq, t, reader, ITEM_STATM);
	}
	if (files & 1 << SWEPT_CMDLINE)
		found = write_cmdline(seq, t, reader, ITEM_CMDLINE, a);
	return found;
}

/* Only reading the arguments can make it sleep. */
SEC("iter.s/task")
int sweep_records(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_run(); /* the daemon: there is every process for it */
	struct task_args *args = args_of_run();
	struct arguments a = {};
	_Bool found;

	if (!t || t->pid != t->tgid || !t->sighand || !args || !reader)
		return 0;
	number(t, reader);
	if (&bpf_rcu_read_lock)
		bpf_rcu_read_lock();
	write_id(seq, t, reader);
	found = write_files(seq, t, reader, args->files, &a);
	if (&bpf_rcu_read_lock)
		bpf_rcu_read_unlock();
	if (found)
		write_arguments(seq, t, a);
	return 0;
}

#endif
