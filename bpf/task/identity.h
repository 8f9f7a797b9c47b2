/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who a reader is. */
#ifndef ITERFS_TASK_IDENTITY_H
#define ITERFS_TASK_IDENTITY_H

#include "access.h"
#include "kernel.h"

static __always_inline u32 active_pid_ns(u64 *ns, struct pid___args *pid)
{
	u32 level = BPF_CORE_READ(pid, level);
	struct upid___args *innermost = upid_at(pid, level);

	*ns = (u64)BPF_CORE_READ(innermost, ns);
	return level;
}

/*
 * Who a thread is that is asking for something now. Its credentials are those that
 * the kernel would check: it can have taken others for the time of a call.
 */
static __always_inline void identify(struct reader *reader, struct task_struct *t)
{
	struct task_struct___args *self = (void *)bpf_get_current_task();
	struct user_namespace___access *user_ns;
	const struct cred *cred = t->cred;

	reader->pid_level = active_pid_ns(&reader->pid_ns, (void *)laundered(t->thread_pid));
	reader->native_level = active_pid_ns(&reader->native_ns, BPF_CORE_READ(self, thread_pid));
	reader->tgid = t->tgid;
	reader->user_ns = laundered(cred->user_ns);
	user_ns = (void *)reader->user_ns;
	reader->user_level = BPF_CORE_READ(user_ns, level);
	bpf_probe_read_kernel(&reader->capabilities, sizeof(u64), &cred->cap_effective);
	reader->fsuid = cred->fsuid.val;
	reader->fsgid = cred->fsgid.val;
	reader->euid = cred->euid.val;
	reader->cgroup_ns = t->nsproxy->cgroup_ns->ns.inum;
	if (bpf_core_field_exists(struct time_namespace, offsets)) {
		struct timespec64 *offset = &t->nsproxy->time_ns->offsets.boottime;

		reader->boot_offset = offset->tv_sec * 1000000000 + offset->tv_nsec;
	}
}

#endif
