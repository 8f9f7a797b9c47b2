/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What proc_pid_status() of fs/proc/array.c prints. */
#ifndef ITERFS_TASK_STATUS_H
#define ITERFS_TASK_STATUS_H

#include "memory.h"
#include "names.h"
#include "signals.h"

#define RLIMIT_SIGPENDING 11

/* A task in more groups, or deeper in pid namespaces, has its real file read. */
#define MAX_GROUPS 992
#define GROUPS_PER_ITEM 62
#define MAX_PID_LEVEL 8

static __always_inline void fill_credentials(struct status_task *r, const struct cred *cred)
{
	r->uids[0] = cred->uid.val;
	r->uids[1] = cred->euid.val;
	r->uids[2] = cred->suid.val;
	r->uids[3] = cred->fsuid.val;
	r->gids[0] = cred->gid.val;
	r->gids[1] = cred->egid.val;
	r->gids[2] = cred->sgid.val;
	r->gids[3] = cred->fsgid.val;
	r->groups = cred->group_info->ngroups;
	/* Before 6.3 they were two words of 32 bits, the low one first. */
	bpf_probe_read_kernel(&r->cap_inheritable, sizeof(u64), &cred->cap_inheritable);
	bpf_probe_read_kernel(&r->cap_permitted, sizeof(u64), &cred->cap_permitted);
	bpf_probe_read_kernel(&r->cap_effective, sizeof(u64), &cred->cap_effective);
	bpf_probe_read_kernel(&r->cap_bounding, sizeof(u64), &cred->cap_bset);
	bpf_probe_read_kernel(&r->cap_ambient, sizeof(u64), &cred->cap_ambient);
}

static __always_inline void fill_signals(struct status_task *r, struct task_struct *t)
{
	struct signal_struct *sig = t->signal;
	struct signal_sets sets = all_signals(t->sighand);

	r->threads = sig->nr_threads;
	r->queued_signals = signals_of_user(t->real_cred);
	r->queued_signals_limit = sig->rlim[RLIMIT_SIGPENDING].rlim_cur;
	r->sig_pending = t->pending.signal.sig[0];
	r->shared_pending = sig->shared_pending.signal.sig[0];
	r->sig_blocked = t->blocked.sig[0];
	r->sig_ignored = sets.ignored;
	r->sig_caught = sets.caught;
}

static __always_inline void write_status_task(struct seq_file *seq, struct task_struct *t, struct reader *reader, u32 kind)
{
	struct signal_struct *sig = t->signal;
	struct status_task r = {};

	START_RECORD(&r, t, reader);
	r.item = (struct item){ .kind = kind, .size = sizeof(struct status_record) };
	r.ppid = t->real_parent->tgid;
	if (t->ptrace)
		r.tracer = t->parent->pid;
	r.pgid = pid_nr(sig->pids[PIDTYPE_PGID]);
	r.sid = pid_nr(sig->pids[PIDTYPE_SID]);
	renumber_kin(&r.ppid, &r.pgid, &r.sid, t, reader);
	if (restricted && r.tracer && reader->pid_level)
		r.tracer = shown_tid(t->parent, reader);
	if (bpf_core_field_exists(t->numa_group) && t->numa_group)
		r.ngid = t->numa_group->gid;
	r.umask = t->fs ? t->fs->umask : -1;
	r.state = task_state(t);
	r.exit_state = t->exit_state;
	r.flags = t->flags;
	if (t->files)
		r.fd_size = t->files->fdt->max_fds;
	fill_credentials(&r, t->real_cred);
	if (r.groups > MAX_GROUPS || (t->thread_pid && t->thread_pid->level > MAX_PID_LEVEL))
		r.incomplete = 1;
	if (t->sighand)
		fill_signals(&r, t);
	r.atomic_flags = t->atomic_flags;
	if (bpf_core_field_exists(t->seccomp.mode))
		r.seccomp = t->seccomp.mode;
	if (bpf_core_field_exists(t->seccomp.filter_count))
		r.seccomp_filters = t->seccomp.filter_count.counter;
	r.voluntary_switches = t->nvcsw;
	r.involuntary_switches = t->nivcsw;
	if (bpf_core_field_exists(t->thread.features_locked)) {
		r.features = t->thread.features;
		r.features_locked = t->thread.features_locked;
	}
	bpf_probe_read_kernel(r.comm, sizeof(r.comm), t->comm);
	bpf_seq_write(seq, &r, sizeof(r));
}

static __always_inline void write_status_mm(struct seq_file *seq, struct task_struct *t)
{
	struct mm_struct *mm = task_mm(t);
	struct status_mm r = {};

	if (mm) {
		r.present = 1;
		r.dumping_core = is_dumping_core(t->signal, mm);
		r.thp_disabled = mm_disables_thp(mm);
		r.hiwater_vm = mm->hiwater_vm;
		r.locked_vm = mm->locked_vm;
		r.pinned_vm = mm->pinned_vm.counter;
		r.hiwater_rss = mm->hiwater_rss;
		r.exec_vm = mm->exec_vm;
		r.page_tables = mm->pgtables_bytes.counter;
		if (bpf_core_field_exists(mm->hugetlb_usage))
			r.hugetlb = mm->hugetlb_usage.counter;
		if (bpf_core_field_exists(mm->context.untag_mask))
			r.untag_mask = mm->context.untag_mask;
		fill_sizes(&r.sizes, mm);
	}
	bpf_seq_write(seq, &r, sizeof(r));
}

/* The kernel's masks can be narrower or wider than the record's; the text has no more bits than the record. */
#define READ_MASK(to, mask)                                                                       \
	bpf_probe_read_kernel(to,                                                                  \
			      bpf_core_field_size(mask) < sizeof(to) ? bpf_core_field_size(mask) : sizeof(to), \
			      &mask)

static __always_inline void write_status_masks(struct seq_file *seq, struct task_struct *t)
{
	struct status_masks r = {};

	READ_MASK(r.cpus, t->cpus_mask);
	if (bpf_core_field_exists(t->mems_allowed))
		READ_MASK(r.mems, t->mems_allowed);
	bpf_seq_write(seq, &r, sizeof(r));
}

static __always_inline void write_groups(struct seq_file *seq, const struct cred *cred)
{
	struct group_info *groups = cred->group_info;
	struct groups_item g = { .item.kind = ITEM_GROUPS };
	u32 count = groups->ngroups;

	if (count > MAX_GROUPS)
		return;
	for (u32 first = 0; first < MAX_GROUPS; first += GROUPS_PER_ITEM) {
		u32 n = count - first;
		u64 size;

		if (count <= first)
			return;
		size = (n < GROUPS_PER_ITEM ? n : GROUPS_PER_ITEM) * sizeof(u32);
		/* The verifier needs masks that the compiler knows to be needless. */
		asm volatile("" : "+r"(size));
		size &= 0xfc;
		bpf_probe_read_kernel(g.gids, size,
				      (void *)groups + bpf_core_field_offset(struct group_info, gid) +
				      first * sizeof(u32));
		g.item.size = sizeof(g.item) + ((size + 7) & 0xf8);
		bpf_seq_write(seq, &g, g.item.size);
	}
}

/* Its numbers in each namespace below the reader's. */
static __always_inline void write_pids(struct seq_file *seq, struct task_struct *t, struct reader *reader)
{
	u64 pid = laundered(t->thread_pid), tgid = laundered(t->signal->pids[PIDTYPE_TGID]);
	u64 pgid = laundered(t->signal->pids[PIDTYPE_PGID]), sid = laundered(t->signal->pids[PIDTYPE_SID]);
	u32 levels = pid ? BPF_CORE_READ((struct pid___args *)pid, level) : 0;

	for (u32 level = 1; level <= MAX_PID_LEVEL; level++) {
		struct pids_item p = { .item = { .kind = ITEM_PIDS, .size = sizeof(p) } };
		struct upid___args *upid = upid_at((void *)pid, level);
		u64 ns;

		if (level > levels)
			return;
		if (restricted && level <= reader->pid_level)
			continue;
		ns = (u64)BPF_CORE_READ(upid, ns);
		p.tgid = pid_nr_in(tgid, ns, level);
		p.pid = pid_nr_in(pid, ns, level);
		p.pgid = pid_nr_in(pgid, ns, level);
		p.sid = pid_nr_in(sid, ns, level);
		bpf_seq_write(seq, &p, sizeof(p));
	}
}

/* Behind it come a kernel thread's names, and the task's numbers and groups. */
static __always_inline void write_status(struct seq_file *seq, struct task_struct *t, struct reader *reader, u32 kind)
{
	write_status_task(seq, t, reader, kind);
	write_status_mm(seq, t);
	write_status_masks(seq, t);
}

SEC("iter/task")
int status_records(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_process(t);

	if (!reader)
		return 0;
	write_status(ctx->meta->seq, t, reader, ITEM_RECORD);
	write_kthread_item(ctx->meta->seq, t);
	write_pids(ctx->meta->seq, t, reader);
	write_groups(ctx->meta->seq, t->real_cred);
	return 0;
}

#endif
