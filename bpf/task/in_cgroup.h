/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tasks by cgroup: whether a task is in a cgroup of any hierarchy or below it. */
#ifndef ITERFS_TASK_IN_CGROUP_H
#define ITERFS_TASK_IN_CGROUP_H

#include "kernel.h"

/* Of a run over the tasks of a cgroup; files, of a sweep. */
struct task_args {
	u64 cgroup;
	u32 hierarchy; /* 0 for v2 */
	u32 level;
	u32 files, pad; /* 1 << enum swept_file */
};

/* There are few hierarchies of v1: no more than controllers, but for those that only have a name. */
#define MAX_HIERARCHIES 256

/*
 * The task's cgroup in a hierarchy. The list is as it is for as long as the
 * css_set lives, which the task may leave meanwhile.
 */
static __always_inline struct cgroup *task_cgroup(struct task_struct *t, u32 hierarchy)
{
	struct css_set *set = t->cgroups;
	void *head = (void *)set + bpf_core_field_offset(struct css_set, cgrp_links), *node;

	if (!hierarchy)
		return set->dfl_cgrp;
	node = BPF_CORE_READ(set, cgrp_links.next);
	for (int i = 0; i < MAX_HIERARCHIES && node != head; i++) {
		struct cgrp_cset_link *link = node - bpf_core_field_offset(struct cgrp_cset_link, cgrp_link);
		struct cgroup *cgrp = BPF_CORE_READ(link, cgrp);

		if (BPF_CORE_READ(cgrp, root, hierarchy_id) == hierarchy)
			return cgrp;
		node = BPF_CORE_READ(link, cgrp_link.next);
	}
	return 0;
}

static __always_inline _Bool in_cgroup(struct task_struct *t, struct task_args *args)
{
	struct cgroup *cgrp = task_cgroup(t, args->hierarchy), *ancestor = 0;

	/* Kernels without the array have no iterator over cgroups, nor files that ask. */
	if (!cgrp || !bpf_core_field_exists(cgrp->ancestors) || BPF_CORE_READ(cgrp, level) < args->level)
		return 0;
	bpf_probe_read_kernel(&ancestor, sizeof(ancestor),
			      (void *)cgrp + bpf_core_field_offset(struct cgroup, ancestors) +
				      args->level * sizeof(void *));
	return BPF_CORE_READ(ancestor, kn, id) == args->cgroup;
}

#endif
