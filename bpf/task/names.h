/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The items behind a record, and the parts of one that take more than a load. */
#ifndef ITERFS_TASK_NAMES_H
#define ITERFS_TASK_NAMES_H

#include "kernel.h"
#include "records.h"

enum bpf_func_id { BPF_FUNC_task_pt_regs = 175 };

struct pt_regs___x86 {
	unsigned long ip, sp;
} KERNEL_TYPE;

struct user_pt_regs {
	u64 sp, pc;
} KERNEL_TYPE;

struct pt_regs___arm64 {
	struct user_pt_regs user_regs;
} KERNEL_TYPE;

/* KSTK_EIP() and KSTK_ESP() of a task whose stack is still there. */
static __always_inline void fill_registers(u64 *ip, u64 *sp, struct task_struct *t)
{
	void *regs;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return;
	regs = (void *)bpf_task_pt_regs(t);
	if (bpf_core_field_exists(((struct pt_regs___x86 *)regs)->ip)) {
		*ip = BPF_CORE_READ((struct pt_regs___x86 *)regs, ip);
		*sp = BPF_CORE_READ((struct pt_regs___x86 *)regs, sp);
	} else if (bpf_core_field_exists(((struct pt_regs___arm64 *)regs)->user_regs)) {
		*ip = BPF_CORE_READ((struct pt_regs___arm64 *)regs, user_regs.pc);
		*sp = BPF_CORE_READ((struct pt_regs___arm64 *)regs, user_regs.sp);
	}
}

/*
 * The inode number of the task's own pid namespace; 0 when it has been reaped.
 * The pointer is read as a number: the verifier allows no offset that varies on
 * one that it knows.
 */
static __always_inline u32 pidns_inum(struct task_struct *t)
{
	struct pid *pid = BPF_CORE_READ(t, thread_pid);
	struct pid_namespace *ns = 0;

	if (!pid)
		return 0;
	bpf_probe_read_kernel(&ns, sizeof(ns),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			      BPF_CORE_READ(pid, level) * bpf_core_type_size(struct upid) +
			      bpf_core_field_offset(struct upid, ns));
	return BPF_CORE_READ(ns, ns.inum);
}

static __always_inline void fill_worker(struct kthread_item *k, struct worker *w)
{
	struct workqueue_struct *rescue_wq = BPF_CORE_READ(w, rescue_wq);
	struct worker_pool *pool = BPF_CORE_READ(w, pool);

	k->worker = 1;
	k->id = BPF_CORE_READ(w, id);
	k->current = !!BPF_CORE_READ(w, current_work);
	BPF_CORE_READ_STR_INTO(&k->desc, w, desc);
	if (rescue_wq) {
		k->rescuer = 1;
		BPF_CORE_READ_STR_INTO(&k->name, rescue_wq, name);
	}
	if (pool) {
		k->has_pool = 1;
		k->pool_cpu = BPF_CORE_READ(pool, cpu);
		k->pool_id = BPF_CORE_READ(pool, id);
		k->nice = BPF_CORE_READ(pool, attrs, nice);
	}
}

/* Behind the record of each kernel thread, and of no other task. */
static __always_inline void write_kthread_item(struct seq_file *seq, struct task_struct *t)
{
	struct kthread_item k = { .item = { .kind = ITEM_KTHREAD, .size = sizeof(k) } };
	struct kthread *kthread;

	if (!(t->flags & PF_KTHREAD))
		return;
	kthread = task_kthread(t);
	if (kthread && t->flags & PF_WQ_WORKER) {
		fill_worker(&k, BPF_CORE_READ(kthread, data));
	} else if (kthread && bpf_core_field_exists(kthread->full_name)) {
		char *full = BPF_CORE_READ(kthread, full_name);

		if (full)
			bpf_probe_read_kernel_str(k.name, sizeof(k.name), full);
	}
	bpf_seq_write(seq, &k, sizeof(k));
}

#endif
