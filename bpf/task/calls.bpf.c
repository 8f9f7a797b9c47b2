// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/*
 * What the programs of access_records.h tell, of one thread and without an iterator:
 * a call costs a fifth of one. Only since Linux 6.10 programs of this type find a
 * task; before, they do not load. They know tasks by the initial namespace's numbers.
 */
#include "identity.h"

extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *t) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

struct call {
	struct reader reader;
	u64 start; /* of the task, ns after boot; 0 for whatever has the number */
	u32 tid;
	u32 found, may_read, may_read_memory;
};
EXPORT_RECORD(call);

/* Fills the reader that the thread is. */
SEC("syscall")
int identify_thread(struct call *call)
{
	struct reader reader = {};
	struct task_struct *t = bpf_task_from_pid(call->tid);

	if (!t)
		return 0;
	bpf_rcu_read_lock();
	identify(&reader, t);
	bpf_rcu_read_unlock();
	bpf_task_release(t);
	call->reader = reader;
	call->found = 1;
	return 0;
}

/* Says what the reader may see of the task. */
SEC("syscall")
int judge(struct call *call)
{
	struct reader reader = call->reader;
	struct task_struct *t = bpf_task_from_pid(call->tid);

	if (!t)
		return 0;
	bpf_rcu_read_lock();
	if (!call->start || call->start == t->start_boottime) {
		call->found = is_visible(t, &reader, 0);
		call->may_read = may_read(t, &reader);
		call->may_read_memory = may_read_memory(t, &reader);
	}
	bpf_rcu_read_unlock();
	bpf_task_release(t);
	return 0;
}
