// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/*
 * iter/cgroup. All that one run writes must fit in the kernel's buffer: a second
 * read is refused. The arguments tell a further run where to go on.
 */
#include "kernel.h"

struct run_args {
	u64 after;     /* an id; siblings are listed with growing ids */
	u32 level;     /* the ancestors that are compared with it; the root's is 0 */
	u32 unused;
	char name[32]; /* as much of it as this holds; "" for any */
};
EXPORT_RECORD(run_args);
ARGS(run_args);

#define MAX_NAME 256 /* NAME_MAX and NUL */

struct row_record {
	u32 size; /* with the name, a multiple of 8 */
	u32 hierarchy;
	u64 id;
	u32 level;
	s32 tasks; /* -1: could not be counted */
	s32 descendants, dying;
	u32 populated, frozen;
	s64 cpu; /* ns; this and the next are -1 where they are not kept */
	s64 memory, memory_max; /* pages */
	s64 pids, pids_max;
};
EXPORT_RECORD(row_record);

struct child_record {
	u32 size; /* with the name, a multiple of 8 */
	u32 hierarchy;
	u64 id; /* 0: there are more children, which did not fit */
	u32 uid, gid;
};
EXPORT_RECORD(child_record);

/* Reads the name to behind a record and returns the size of both. */
static __always_inline u32 append_name(void *name, u32 record, struct kernfs_node *kn)
{
	u32 n = (bpf_probe_read_kernel_str(name, MAX_NAME, BPF_CORE_READ(kn, name)) + 7) & 0x1f8;

	if (n > MAX_NAME)
		n = 0; /* it could not be read */
	return record + n;
}

struct count {
	struct cgroup *cgrp;
	void *node;
	s32 tasks;
};

/*
 * Adds the tasks of one css_set. Their list changes as tasks come and go; a link
 * that has been taken out of it, and perhaps is another cgroup's by now, tells.
 */
static long count_set(u32 i, struct count *c)
{
	struct cgrp_cset_link *link;

	if (c->node == (void *)c->cgrp + bpf_core_field_offset(struct cgroup, cset_links))
		return 1;
	link = c->node - bpf_core_field_offset(struct cgrp_cset_link, cset_link);
	if (BPF_CORE_READ(link, cgrp) != c->cgrp) {
		c->tasks = -1;
		return 1;
	}
	c->tasks += BPF_CORE_READ(link, cset, nr_tasks);
	c->node = BPF_CORE_READ(link, cset_link.next);
	return 0;
}

/* cgroup_task_count() of kernel/cgroup/cgroup.c, which locks the list; -1 where it keeps changing. */
static __always_inline s32 count_tasks(struct cgroup *cgrp)
{
	struct count c = { .cgrp = cgrp };

	for (int tries = 0; tries < 4; tries++) {
		c.tasks = 0;
		c.node = BPF_CORE_READ(cgrp, cset_links.next);
		bpf_loop(1 << 20, count_set, &c, 0);
		if (c.tasks >= 0)
			break;
	}
	return c.tasks;
}

static __always_inline void fill_row(struct row_record *r, struct cgroup *cgrp)
{
	struct mem_cgroup *memory = CONTROLLER(cgrp, memory);
	struct pids_cgroup *pids = CONTROLLER(cgrp, pids);

	r->id = cgrp->kn->id;
	r->hierarchy = cgrp->root->hierarchy_id;
	r->level = cgrp->level;
	r->tasks = count_tasks(cgrp);
	r->descendants = cgrp->nr_descendants;
	r->dying = cgrp->nr_dying_descendants;
	r->populated = is_populated(cgrp);
	r->frozen = cgrp->flags >> CGRP_FROZEN & 1;
	r->cpu = r->memory = r->memory_max = r->pids = r->pids_max = -1;
	/* The files of the root cgroup do not have these. */
	if (!r->level)
		return;
	if (!r->hierarchy)
		r->cpu = cgrp->bstat.cputime.sum_exec_runtime;
	if (memory) {
		r->memory = BPF_CORE_READ(memory, memory.usage.counter);
		r->memory_max = BPF_CORE_READ(memory, memory.max);
	}
	if (pids) {
		r->pids = BPF_CORE_READ(pids, counter.counter);
		r->pids_max = BPF_CORE_READ(pids, limit.counter);
	}
}

/*
 * A record for each cgroup that comes after the one of the arguments' id and
 * level, in pre-order: whose own ancestor at that level does.
 */
SEC("iter.s/cgroup")
int row_records(struct bpf_iter__cgroup *ctx)
{
	struct cgroup *cgrp = ctx->cgroup;
	struct run_args *args = args_of_run();
	struct {
		struct row_record row;
		char name[MAX_NAME];
	} r;

	if (!cgrp || !args)
		return 0;
	if (!ctx->meta->seq_num && !cgrp->root->hierarchy_id)
		flush_stats(cgrp);
	if (cgrp->level < args->level || ancestor_id(cgrp, args->level) <= args->after)
		return 0;
	fill_row(&r.row, cgrp);
	r.row.size = append_name(r.name, sizeof(r.row), cgrp->kn);
	bpf_seq_write(ctx->meta->seq, &r, r.row.size);
	return 0;
}

struct children {
	struct seq_file *seq;
	void *node, *head;
	u64 after;
	u64 name[4];
};

static __always_inline _Bool has_name(struct kernfs_node *kn, const u64 *name)
{
	u64 own[4] = {};

	if (!name[0])
		return 1;
	bpf_probe_read_kernel_str(own, sizeof(own), BPF_CORE_READ(kn, name));
	return own[0] == name[0] && own[1] == name[1] && own[2] == name[2] && own[3] == name[3];
}

static long write_child(u32 i, struct children *c)
{
	struct kernfs_iattrs *owner;
	struct kernfs_node *kn;
	struct cgroup *cgrp;
	struct {
		struct child_record child;
		char name[MAX_NAME];
	} r;

	if (c->node == c->head)
		return 1;
	cgrp = c->node - bpf_core_field_offset(struct cgroup, self.sibling);
	c->node = BPF_CORE_READ(cgrp, self.sibling.next);
	kn = BPF_CORE_READ(cgrp, kn);
	r.child.id = BPF_CORE_READ(kn, id);
	if (!(BPF_CORE_READ(cgrp, self.flags) & CSS_ONLINE) || r.child.id <= c->after || !has_name(kn, c->name))
		return 0;
	r.child.hierarchy = BPF_CORE_READ(cgrp, root, hierarchy_id);
	owner = BPF_CORE_READ(kn, iattr);
	r.child.uid = owner ? BPF_CORE_READ(owner, ia_uid.val) : 0;
	r.child.gid = owner ? BPF_CORE_READ(owner, ia_gid.val) : 0;
	r.child.size = append_name(r.name, sizeof(r.child), kn);
	if (c->seq->size - c->seq->count < 2 * sizeof(r)) {
		r.child.size = sizeof(r.child);
		r.child.id = 0;
		bpf_seq_write(c->seq, &r, sizeof(r.child));
		return 1;
	}
	bpf_seq_write(c->seq, &r, r.child.size);
	return 0;
}

/* A record for each child of one cgroup, or those of a name, behind the one of the arguments' id. */
SEC("iter/cgroup")
int child_records(struct bpf_iter__cgroup *ctx)
{
	struct cgroup *cgrp = ctx->cgroup;
	struct run_args *args = args_of_run();
	struct children c;

	if (!cgrp || !args)
		return 0;
	c.seq = ctx->meta->seq;
	c.head = (void *)cgrp + bpf_core_field_offset(struct cgroup, self.children);
	c.node = BPF_CORE_READ(cgrp, self.children.next);
	c.after = args->after;
	__builtin_memcpy(c.name, args->name, sizeof(c.name));
	bpf_loop(1 << 23, write_child, &c, 0);
	return 0;
}
