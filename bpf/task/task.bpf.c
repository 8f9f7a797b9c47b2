// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/task: processes and threads. */
#include "kernel.h"
#include "records.h"
#include "access_records.h"
#include "threads.h"
#include "names.h"
#include "signals.h"
#include "memory.h"
#include "status.h"
#include "usage.h"
#include "cgroups.h"
#include "in_cgroup.h"
#include "cmdline.h"

EXPORT_RECORD(item);
EXPORT_RECORD(reader);
EXPORT_RECORD(identity_record);
EXPORT_RECORD(access_record);
EXPORT_RECORD(task_key);
EXPORT_RECORD(cpu_times);
EXPORT_RECORD(page_counts);
EXPORT_RECORD(id_record);
EXPORT_RECORD(name_record);
EXPORT_RECORD(row_record);
EXPORT_RECORD(stat_record);
EXPORT_RECORD(statm_record);
EXPORT_RECORD(status_record);
EXPORT_RECORD(io_record);
EXPORT_RECORD(limits_record);
EXPORT_RECORD(cgroup_record);
EXPORT_RECORD(cmdline_record);
EXPORT_RECORD(kthread_item);
EXPORT_RECORD(cgroup_item);
EXPORT_RECORD(hierarchy_item);
EXPORT_RECORD(groups_item);
EXPORT_RECORD(pids_item);
EXPORT_RECORD(arguments_item);
EXPORT_RECORD(task_args);
EXPORT_RECORD(sizes);

ARGS(task_args);

#define SIGNAL_STOP_STOPPED 0x00000001
#define SIGNAL_GROUP_EXIT 0x00000004

static __always_inline s32 tty_nr(struct tty_struct *tty)
{
	u32 minor = tty->driver->minor_start + tty->index, major = tty->driver->major;

	return (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12); /* new_encode_dev() */
}

static __always_inline void write_id(struct seq_file *seq, struct task_struct *t, struct reader *reader)
{
	struct id_record r = {};

	START_RECORD(&r, t, reader);
	r.euid = t->real_cred->euid.val;
	r.egid = t->real_cred->egid.val;
	r.process_start = t->group_leader->start_boottime;
	bpf_seq_write(seq, &r, sizeof(r));
}

/* One record for each process, or thread: what a directory of them lists. */
SEC("iter/task")
int id_records(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_run();

	if (!t || (t->pid != t->tgid && !of_threads) || !is_visible(t, reader, 0))
		return 0;
	write_id(ctx->meta->seq, t, reader);
	return 0;
}

SEC("iter/task")
int name_records(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_process(t);
	struct name_record r = {};

	if (!reader)
		return 0;
	START_RECORD(&r, t, reader);
	r.flags = t->flags;
	bpf_probe_read_kernel(r.comm, sizeof(r.comm), t->comm);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	write_kthread_item(ctx->meta->seq, t);
	return 0;
}

static __always_inline void write_row_record(struct seq_file *seq, struct task_struct *t, struct reader *reader, int whole)
{
	struct signal_struct *sig = t->signal;
	struct mm_struct *mm = task_mm(t);
	struct row_record r = {};
	struct sums sums;

	START_RECORD(&r, t, reader);
	r.flags = t->flags;
	r.state = task_state(t);
	r.exit_state = t->exit_state;
	r.euid = t->real_cred->euid.val;
	r.egid = t->real_cred->egid.val;
	r.nice = t->static_prio - 120;
	if (t->sighand) {
		r.threads = sig->nr_threads;
		r.ppid = t->real_parent->tgid;
		if (sig->tty)
			r.tty = tty_nr(sig->tty);
		r.pgid = pid_nr(sig->pids[PIDTYPE_PGID]);
		r.sid = pid_nr(sig->pids[PIDTYPE_SID]);
	}
	renumber_kin(&r.ppid, &r.pgid, &r.sid, t, reader);
	if (mm) {
		r.vsize = mm->total_vm;
		r.rss = mm_rss(mm);
	}
	r.incomplete = sum_threads(&sums, &r.times, t, whole);
	r.process_start = t->group_leader->start_boottime;
	r.pidns = pidns_inum(t);
	if (t->nsproxy)
		r.netns = t->nsproxy->net_ns->ns.inum;
	bpf_probe_read_kernel(r.comm, sizeof(r.comm), t->comm);
	bpf_seq_write(seq, &r, sizeof(r));
}

/* Each of the three takes much of the stack, one after another. */
static __always_inline void write_row(struct seq_file *seq, struct task_struct *t, struct reader *reader, int whole)
{
	write_row_record(seq, t, reader, whole);
	write_kthread_item(seq, t);
	write_cgroup_items(seq, t);
}

SEC("iter/task")
int process_rows(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_process(t);

	if (!reader)
		return 0;
	write_row(ctx->meta->seq, t, reader, 1);
	return 0;
}

/* Those of the processes whose first thread is in the cgroup of the arguments, or below it. */
SEC("iter/task")
int cgroup_process_rows(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_process(t);
	struct task_args *args = args_of_run();

	if (!reader || !args || !in_cgroup(t, args))
		return 0;
	write_row(ctx->meta->seq, t, reader, 1);
	return 0;
}

SEC("iter/task")
int thread_rows(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_run();

	if (!t || !is_visible(t, reader, 1))
		return 0;
	write_row(ctx->meta->seq, t, reader, 0);
	return 0;
}

/*
 * A task's memory is cold, and waiting for it is most of what a sweep costs.
 * These loads reach for what is needed later, all at once.
 */
static __always_inline void load_early(struct task_struct *t)
{
#define TOUCH(field) asm volatile("" ::"r"((u64)(field)))
	struct signal_struct *sig = t->signal;
	struct mm_struct *mm = t->mm;

	TOUCH(mm->total_vm);
	TOUCH(mm->start_code);
	TOUCH(mm->env_end);
	if (!bpf_core_type_exists(struct mm_rss_stat)) {
		TOUCH(mm->rss_stat[0].count);
		TOUCH(mm->rss_stat[1].count);
		TOUCH(mm->rss_stat[3].count);
	}
	TOUCH(sig->pids[PIDTYPE_PGID]->level);
	TOUCH(sig->pids[PIDTYPE_SID]->level);
	TOUCH(sig->flags);
	TOUCH(sig->utime);
	TOUCH(sig->rlim[5].rlim_cur);
	TOUCH(sig->sum_sched_runtime);
	TOUCH(sig->min_flt);
#undef TOUCH
}

static __always_inline void write_stat_task(struct seq_file *seq, struct task_struct *t, struct reader *reader, u32 kind, _Bool traced)
{
	struct signal_struct *sig = t->signal;
	struct stat_task r = {};
	struct signal_sets sets;
	struct sums sums;

	r.untraced = !traced && !may_read(t, reader);
	START_RECORD(&r, t, reader);
	r.item = (struct item){ .kind = kind, .size = sizeof(struct stat_record) };
	r.state = task_state(t);
	r.exit_state = t->exit_state;
	r.flags = t->flags;
	r.pgid = r.sid = r.tpgid = -1;
	r.exit_code = t->exit_code;
	if (t->sighand) {
		if (sig->tty) {
			r.tty = tty_nr(sig->tty);
			r.tpgid = pid_nr(tty_pgrp(sig->tty));
		}
		r.threads = sig->nr_threads;
		r.rss_limit = sig->rlim[5].rlim_cur;
		r.ppid = t->real_parent->tgid;
		r.pgid = pid_nr(sig->pids[PIDTYPE_PGID]);
		r.sid = pid_nr(sig->pids[PIDTYPE_SID]);
		if (!of_threads && shows_group_exit_code(t) && sig->flags & (SIGNAL_GROUP_EXIT | SIGNAL_STOP_STOPPED))
			r.exit_code = sig->group_exit_code;
		sets = old_signals(t->sighand);
		r.sig_ignored = sets.ignored;
		r.sig_caught = sets.caught;
	}
	renumber_kin(&r.ppid, &r.pgid, &r.sid, t, reader);
	if (restricted && r.tpgid > 0 && reader->pid_level)
		r.tpgid = shown_nr(tty_pgrp(sig->tty), reader);
	r.incomplete = sum_threads(&sums, &r.times, t, !of_threads);
	r.min_flt = sums.min_flt;
	r.maj_flt = sums.maj_flt;
	r.gtime = sums.gtime;
	r.cmin_flt = sig->cmin_flt;
	r.cmaj_flt = sig->cmaj_flt;
	r.cutime = sig->cutime;
	r.cstime = sig->cstime;
	r.cgtime = sig->cgtime;
	if (t->delays)
		r.blkio = t->delays->blkio_delay;
	r.prio = t->prio;
	r.static_prio = t->static_prio;
	r.sig_pending = t->pending.signal.sig[0] & 0x7fffffff;
	r.sig_blocked = t->blocked.sig[0] & 0x7fffffff;
	r.wchan = (r.threads < 2 || of_threads) && r.state;
	if (r.wchan && wchan_is_unwound(t))
		r.incomplete = 1;
	r.exit_signal = t->exit_signal;
	r.cpu = task_cpu(t);
	r.rt_priority = t->rt_priority;
	r.policy = t->policy;
	bpf_probe_read_kernel(r.comm, sizeof(r.comm), t->comm);
	bpf_seq_write(seq, &r, sizeof(r));
}

static __always_inline void write_stat_mm(struct seq_file *seq, struct task_struct *t)
{
	struct mm_struct *mm = task_mm(t);
	struct stat_mm r = {};

	if (mm) {
		r.vsize = mm->total_vm;
		r.rss = mm_rss(mm);
		r.start_code = mm->start_code;
		r.end_code = mm->end_code;
		r.start_stack = mm->start_stack;
		r.start_data = mm->start_data;
		r.end_data = mm->end_data;
		r.start_brk = mm->start_brk;
		r.arg_start = mm->arg_start;
		r.arg_end = mm->arg_end;
		r.env_start = mm->env_start;
		r.env_end = mm->env_end;
		if (t->flags & (PF_EXITING | PF_DUMPCORE) && t->stack_refcount.refs.counter)
			fill_registers(&r.eip, &r.esp, t);
	}
	bpf_seq_write(seq, &r, sizeof(r));
}

/* What do_task_stat() of fs/proc/array.c prints; traced: for a reader who may trace it. */
static __always_inline void write_stat(struct seq_file *seq, struct task_struct *t, struct reader *reader, u32 kind, _Bool traced)
{
	load_early(t);
	write_stat_task(seq, t, reader, kind, traced);
	write_stat_mm(seq, t);
}

SEC("iter/task")
int stat_records(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_process(t);

	if (!reader)
		return 0;
	write_stat(ctx->meta->seq, t, reader, ITEM_RECORD, 0);
	write_kthread_item(ctx->meta->seq, t);
	return 0;
}

#include "sweep.h"
