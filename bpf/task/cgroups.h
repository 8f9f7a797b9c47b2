/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cgroups that a task is in. */
#ifndef ITERFS_TASK_CGROUPS_H
#define ITERFS_TASK_CGROUPS_H

#include "kernel.h"
#include "records.h"

/* Paths deeper than this are told apart by their last item's size, see below. */
#define MAX_CGROUP_DEPTH 64

/* Of all hierarchies and their paths together. The kernel's buffer holds 32 KiB. */
#define MAX_HIERARCHY_ITEMS 256
#define MAX_HIERARCHY_BYTES (28 << 10)

#define CSS_ONLINE (1 << 1)

struct seq_file {
	u64 count;
} KERNEL_TYPE;

/* Writes a name of a path, and says whether it could be read. */
static __always_inline _Bool write_cgroup_name(struct seq_file *seq, struct cgroup_item *c, const char *name)
{
	s64 n = bpf_probe_read_kernel_str(c->name, 256, name);

	if (n < 1 || n > 256)
		return 0;
	c->item.kind = ITEM_CGROUP;
	c->item.size = sizeof(c->item) + ((n + 7) & 0x1f8);
	bpf_seq_write(seq, c, c->item.size);
	return 1;
}

/*
 * The path of the task's cgroup in the default hierarchy, from the leaf up;
 * nothing for the root. A path that is cut ends in an item with no name.
 */
static __always_inline void write_cgroup_items(struct seq_file *seq, struct task_struct *t)
{
	struct kernfs_node *kn = t->cgroups->dfl_cgrp->kn;
	struct kernfs_node *parent = 0;
	struct cgroup_item c;

	for (int i = 0; i < MAX_CGROUP_DEPTH; i++) {
		parent = KERNFS_PARENT(kn, LOAD);
		if (!parent)
			return;
		if (!write_cgroup_name(seq, &c, kn->name))
			break;
		kn = parent;
	}
	c.item.kind = ITEM_CGROUP;
	c.item.size = sizeof(c.item);
	bpf_seq_write(seq, &c, sizeof(c.item));
}

/*
 * What proc_cgroup_show() of kernel/cgroup/cgroup.c prints: each hierarchy, in the
 * order in which they were made, with the path of the task's cgroup behind it. The
 * list ends in a hierarchy -1 when it is cut, or the task, if it is of one, was moved
 * meanwhile.
 */
static __always_inline void write_hierarchies(struct seq_file *seq, struct css_set *set, struct task_struct *t)
{
	void *head = (void *)set + bpf_core_field_offset(struct css_set, cgrp_links);
	void *node = BPF_CORE_READ(set, cgrp_links.next);
	struct hierarchy_item h = { .item = { .kind = ITEM_HIERARCHY, .size = sizeof(h) } };
	struct kernfs_node *kn = 0, *parent;
	struct cgroup_item c;
	u64 start = seq->count;

	for (int i = 0; i < MAX_HIERARCHY_ITEMS && seq->count - start < MAX_HIERARCHY_BYTES; i++) {
		parent = kn ? KERNFS_PARENT(kn, BPF_CORE_READ) : 0;
		if (parent) {
			if (!write_cgroup_name(seq, &c, BPF_CORE_READ(kn, name)))
				break;
			kn = parent;
		} else {
			struct cgrp_cset_link *link = node - bpf_core_field_offset(struct cgrp_cset_link, cgrp_link);
			struct cgroup *cgroup = BPF_CORE_READ(link, cgrp);

			if (node == head && (!t || t->cgroups == set))
				return;
			if (node == head)
				break;
			h.id = BPF_CORE_READ(cgroup, root, hierarchy_id);
			h.cgroup = BPF_CORE_READ(cgroup, kn, id);
			h.deleted = !(BPF_CORE_READ(cgroup, self.flags) & CSS_ONLINE);
			h.exiting = h.id && t && t->flags & PF_EXITING;
			bpf_seq_write(seq, &h, sizeof(h));
			/* An exiting task is shown in the root of all but the default hierarchy. */
			kn = h.exiting ? 0 : BPF_CORE_READ(cgroup, kn);
			node = BPF_CORE_READ((struct list_head *)node, next);
		}
	}
	h.id = -1;
	bpf_seq_write(seq, &h, sizeof(h));
}

/* Where the paths begin for a task: what the roots of its cgroup namespace are. */
SEC("iter/task")
int cgroup_root_records(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_run();
	struct cgroup_record r = {};

	if (!t || !reader || !t->nsproxy)
		return 0;
	number(t, reader);
	START_RECORD(&r, t, reader);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	write_hierarchies(ctx->meta->seq, t->nsproxy->cgroup_ns->root_cset, 0);
	return 0;
}

SEC("iter/task")
int cgroup_records(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_process(t);
	struct cgroup_record r = {};

	if (!reader)
		return 0;
	START_RECORD(&r, t, reader);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	write_hierarchies(ctx->meta->seq, t->cgroups, t);
	return 0;
}

#endif
