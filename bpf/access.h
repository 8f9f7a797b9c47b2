/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the reader may see of a task, as the kernel decides it for a reader of
 * /proc: ptrace_may_access() of kernel/ptrace.c with PTRACE_MODE_READ_FSCREDS, and
 * cap_ptrace_access_check() of security/commoncap.c. No other security module is
 * asked: that takes the kernel's own call.
 */
#ifndef ITERFS_ACCESS_H
#define ITERFS_ACCESS_H

#include "reader.h"

#define CAP_DAC_OVERRIDE 1
#define CAP_DAC_READ_SEARCH 2
#define CAP_SYS_PTRACE 19
#define CAP_SYS_ADMIN 21
#define CAP_PERFMON 38
#define PF_KTHREAD___access 0x00200000
#define SUID_DUMP_USER 1
#define MMF_DUMPABLE_MASK 3

typedef struct {
	u32 val;
} kid_t___access;

typedef struct {
	u64 val;
} kernel_cap_t___access;

struct uid_gid_extent___access {
	u32 first, lower_first, count;
};

struct uid_gid_map___access {
	struct uid_gid_extent___access extent[1];
	u32 nr_extents;
} KERNEL_TYPE;

struct user_namespace___access {
	struct uid_gid_map___access uid_map, gid_map;
	struct user_namespace___access *parent;
	int level;
	kid_t___access owner;
} KERNEL_TYPE;

struct cred___access {
	kid_t___access uid, gid, suid, sgid, euid, egid;
	kernel_cap_t___access cap_permitted;
	struct user_namespace___access *user_ns;
} KERNEL_TYPE;

struct mm_flags___access {
	unsigned long __mm_flags[1];
} KERNEL_TYPE;

struct mm_struct___access {
	struct mm_flags___access flags;
	struct user_namespace___access *user_ns;
} KERNEL_TYPE;

/* bb6525f2f8c4 ("mm: add bitmap mm->flags field"), 6.18 */
struct mm_struct___access_pre_bitmap {
	unsigned long flags;
} KERNEL_TYPE;

/* 6b1c66c9cca9 ("exec_state: relocate dumpable information"), 7.2: out of the mm, which ends before the task does */
enum task_dumpable___access { TASK_DUMPABLE_OFF___access };

struct task_exec_state___access {
	enum task_dumpable___access dumpable;
	struct user_namespace___access *user_ns;
} KERNEL_TYPE;

struct task_struct___access {
	int tgid;
	u32 flags;
	struct mm_struct___access *mm;
	const struct cred___access *real_cred;
	/* 31e62c2ebbfd ("ptrace: slightly saner 'get_dumpable()' logic"), 7.1 */
	unsigned user_dumpable : 1;
	struct task_exec_state___access *exec_state;
} KERNEL_TYPE;

/* User namespaces nest no deeper: create_user_ns(). */
#define MAX_USER_LEVEL 33

/* ns_capable(): whether the reader has CAP_SYS_PTRACE over what belongs to a user namespace. */
static __always_inline _Bool may_trace_in(const void *user_ns, struct reader *reader)
{
	struct user_namespace___access *ns = (void *)laundered(user_ns);

	for (int i = 0; i < MAX_USER_LEVEL; i++) {
		struct user_namespace___access *parent;

		if ((u64)ns == reader->user_ns)
			return reader->capabilities >> CAP_SYS_PTRACE & 1;
		if (BPF_CORE_READ(ns, level) <= (int)reader->user_level)
			return 0;
		parent = BPF_CORE_READ(ns, parent);
		/* Whoever made a namespace has all capabilities in it. */
		if ((u64)parent == reader->user_ns && BPF_CORE_READ(ns, owner.val) == reader->euid)
			return 1;
		ns = parent;
	}
	return 0;
}

/* Whether it is known who may look into a task; without an mm it is not, before 7.2. */
static __always_inline _Bool knows_dumpable(struct task_struct___access *t)
{
	return bpf_core_field_exists(t->exec_state) || t->mm;
}

static __always_inline u32 dumpable(struct task_struct___access *t)
{
	struct mm_struct___access *mm = t->mm;
	unsigned long flags;

	if (bpf_core_field_exists(t->exec_state))
		return BPF_CORE_READ(t, exec_state, dumpable);
	if (bpf_core_field_exists(mm->flags.__mm_flags))
		flags = mm->flags.__mm_flags[0];
	else
		flags = ((struct mm_struct___access_pre_bitmap *)mm)->flags;
	return flags & MMF_DUMPABLE_MASK;
}

static __always_inline struct user_namespace___access *exec_user_ns(struct task_struct___access *t)
{
	if (bpf_core_field_exists(t->exec_state))
		return BPF_CORE_READ(t, exec_state, user_ns);
	return BPF_CORE_READ(t, mm, user_ns);
}

/* Whether the reader may trace everything: CAP_SYS_PTRACE in the initial user namespace. */
static __always_inline _Bool may_trace_all(struct reader *reader)
{
	return !reader->user_level && reader->capabilities >> CAP_SYS_PTRACE & 1;
}

static __always_inline _Bool has_ids_of(struct reader *reader, const struct cred___access *cred)
{
	u32 uid = reader->fsuid, gid = reader->fsgid;

	return uid == cred->euid.val && uid == cred->suid.val && uid == cred->uid.val &&
	       gid == cred->egid.val && gid == cred->sgid.val && gid == cred->gid.val;
}

static __always_inline _Bool may_dump(struct reader *reader, struct task_struct___access *t)
{
	if (knows_dumpable(t))
		return dumpable(t) == SUID_DUMP_USER || may_trace_in(exec_user_ns(t), reader);
	return !bpf_core_field_exists(t->user_dumpable) || BPF_CORE_READ_BITFIELD_PROBED(t, user_dumpable);
}

/* ptrace_may_access() of a task that the verifier knows. */
static __always_inline _Bool may_read(const void *task, struct reader *reader)
{
	struct task_struct___access *t = (void *)task;
	const struct cred___access *cred;
	u64 permitted = 0;

	if (!restricted || may_trace_all(reader) || t->tgid == reader->tgid)
		return 1;
	cred = t->real_cred;
	if (may_trace_in(cred->user_ns, reader))
		return may_dump(reader, t);
	/* Before 6.3 it was two words of 32 bits. */
	bpf_probe_read_kernel(&permitted, sizeof(permitted), &cred->cap_permitted);
	return has_ids_of(reader, cred) && may_dump(reader, t) &&
	       laundered(cred->user_ns) == reader->user_ns && !(permitted & ~reader->capabilities);
}

/* "kernfs: Use RCU to access kernfs_node::parent.", of the release in which mm_access() began to ask for less. */
struct kernfs_node___access {
	void *__parent;
} KERNEL_TYPE;

/*
 * mm_access() for reading: nobody is refused what has no memory, and since 6.15 those
 * who may watch performance may read that of all.
 */
static __always_inline _Bool may_read_memory(const void *task, struct reader *reader)
{
	const u64 watching = 1ULL << CAP_PERFMON | 1ULL << CAP_SYS_ADMIN;
	struct task_struct___access *t = (void *)task;

	if (bpf_core_field_exists(((struct kernfs_node___access *)0)->__parent) && !reader->user_level &&
	    reader->capabilities & watching)
		return 1;
	return !t->mm || t->flags & PF_KTHREAD___access || may_read(t, reader);
}

#define NO_ID ((u32)-1)
#define MAX_EXTENTS 5 /* more are kept elsewhere: UID_GID_MAP_MAX_BASE_EXTENTS */

/* make_kuid() of the id 0, and from_kuid() of any other: with up, the namespace's id of the kernel's own. */
static __always_inline u32 map_id(const struct uid_gid_map___access *map, u32 id, _Bool up)
{
	u32 extents = BPF_CORE_READ(map, nr_extents);

	for (u32 i = 0; i < MAX_EXTENTS && i < extents && extents <= MAX_EXTENTS; i++) {
		struct uid_gid_extent___access e = {};

		bpf_probe_read_kernel(&e, sizeof(e), (void *)map +
				      bpf_core_field_offset(struct uid_gid_map___access, extent) + i * sizeof(e));
		if (id - (up ? e.lower_first : e.first) < e.count)
			return up ? id - e.lower_first + e.first : id - e.first + e.lower_first;
	}
	return NO_ID;
}

/*
 * Whether the reader gets by the mode of a file of the task that is its owner's
 * alone: as the owner, whom task_dump_owner() of fs/proc/base.c finds, or by a
 * capability over the owner's ids. Of ids that are mapped in more parts than
 * MAX_EXTENTS it says no.
 */
static __always_inline _Bool may_open_private(const void *task, struct reader *reader)
{
	struct task_struct___access *t = (void *)task;
	struct user_namespace___access *ns;
	u32 uid = 0, gid = 0;

	if (!restricted)
		return 1;
	if (reader->capabilities & (1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH) && !reader->user_level)
		return 1;
	if (knows_dumpable(t) && !(t->flags & PF_KTHREAD___access)) {
		uid = t->real_cred->euid.val;
		gid = t->real_cred->egid.val;
		if (dumpable(t) != SUID_DUMP_USER) {
			ns = exec_user_ns(t);
			uid = gid = 0;
			if (BPF_CORE_READ(ns, level)) {
				uid = map_id(&ns->uid_map, 0, 0);
				gid = map_id(&ns->gid_map, 0, 0);
				uid = uid == NO_ID ? 0 : uid;
				gid = gid == NO_ID ? 0 : gid;
			}
		}
	}
	if (reader->fsuid == uid)
		return 1;
	if (!(reader->capabilities & (1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH)))
		return 0;
	ns = (void *)reader->user_ns;
	return map_id(&ns->uid_map, uid, 1) != NO_ID && map_id(&ns->gid_map, gid, 1) != NO_ID;
}

/*
 * Finds the numbers of a task, and says whether there is the task for the reader, and, if it is asked for its content,
 * whether hidepid= leaves that to be seen.
 */
static __always_inline _Bool is_visible(const void *t, struct reader *reader, _Bool content)
{
	if (!restricted)
		return 1;
	if (!reader || is_above(t, reader))
		return 0;
	number(t, reader);
	if (!reader->task.tid)
		return 0;
	if (!reader->hide || (reader->hide == HIDE_CONTENT && !content))
		return 1;
	return may_read(t, reader);
}

#endif
