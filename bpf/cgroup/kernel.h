/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's types behind a cgroup, with the fields read here. All of it is
 * read with cgroup_mutex held, which the iterator takes: the tree, the cgroups
 * and what their controllers have of them stay.
 */
#ifndef ITERFS_CGROUP_KERNEL_H
#define ITERFS_CGROUP_KERNEL_H

#include "iter.h"

#define CSS_ONLINE 0x2
#define CGRP_FROZEN 3 /* a bit's number */

typedef struct {
	u32 val;
} kuid_t;

typedef struct {
	u32 val;
} kgid_t;

typedef struct {
	long counter;
} atomic_long_t;

struct list_head {
	struct list_head *next;
} KERNEL_TYPE;

struct kernfs_iattrs {
	kuid_t ia_uid;
	kgid_t ia_gid;
} KERNEL_TYPE;

struct kernfs_node {
	const char *name;
	u64 id;
	struct kernfs_iattrs *iattr;
} KERNEL_TYPE;

struct cgroup_root {
	int hierarchy_id;
} KERNEL_TYPE;

struct cgroup_subsys_state {
	struct list_head sibling;
	struct list_head children;
	u32 flags;
	int nr_populated_csets;
} KERNEL_TYPE;

struct task_cputime {
	u64 sum_exec_runtime;
} KERNEL_TYPE;

struct cgroup_base_stat {
	struct task_cputime cputime;
} KERNEL_TYPE;

struct cgroup {
	struct cgroup_subsys_state self;
	unsigned long flags;
	int level;
	int nr_descendants;
	int nr_dying_descendants;
	int nr_populated_domain_children;
	int nr_populated_threaded_children;
	struct kernfs_node *kn;
	struct cgroup_subsys_state *subsys[1];
	struct cgroup_root *root;
	struct list_head cset_links;
	struct cgroup_base_stat bstat;
	struct cgroup *ancestors[1];
} KERNEL_TYPE;

/* "cgroup: Move populated counters to cgroup_subsys_state", by 7.3 */
struct cgroup___pre_css {
	int nr_populated_csets;
} KERNEL_TYPE;

struct css_set {
	int nr_tasks;
} KERNEL_TYPE;

struct cgrp_cset_link {
	struct cgroup *cgrp;
	struct css_set *cset;
	struct list_head cset_link;
} KERNEL_TYPE;

struct page_counter {
	atomic_long_t usage;
	unsigned long max;
} KERNEL_TYPE;

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
} KERNEL_TYPE;

struct pids_cgroup {
	struct cgroup_subsys_state css;
	atomic64_t counter;
	atomic64_t limit;
} KERNEL_TYPE;

/* Only the names count: a kernel's configuration numbers them. */
enum cgroup_subsys_id { memory_cgrp_id, pids_cgrp_id };

struct seq_file {
	unsigned long size;
	unsigned long count;
} KERNEL_TYPE;

struct bpf_iter__cgroup {
	struct bpf_iter_meta *meta;
	struct cgroup *cgroup;
} KERNEL_TYPE;

/* a97915559f5c ("cgroup: change rstat function signatures from cgroup-based to css-based"), 6.16 */
extern void css_rstat_flush(struct cgroup_subsys_state *css) __weak __ksym;
extern void cgroup_rstat_flush(struct cgroup *cgrp) __weak __ksym;

/* Adds up what each CPU has counted, in a cgroup of v2 and all below it. */
static __always_inline void flush_stats(struct cgroup *cgrp)
{
	if (&css_rstat_flush)
		css_rstat_flush(&cgrp->self);
	else if (&cgroup_rstat_flush)
		cgroup_rstat_flush(cgrp);
}

/* cgroup_is_populated(): whether a task is in the cgroup or below it. */
static __always_inline _Bool is_populated(struct cgroup *cgrp)
{
	int csets;

	if (bpf_core_field_exists(cgrp->self.nr_populated_csets))
		csets = cgrp->self.nr_populated_csets;
	else
		csets = ((struct cgroup___pre_css *)cgrp)->nr_populated_csets;
	return csets || cgrp->nr_populated_domain_children || cgrp->nr_populated_threaded_children;
}

/* The id of the ancestor at a level, which is at most the cgroup's own. */
static __always_inline u64 ancestor_id(struct cgroup *cgrp, u32 level)
{
	struct cgroup *ancestor = 0;

	bpf_probe_read_kernel(&ancestor, sizeof(ancestor),
			      (void *)cgrp + bpf_core_field_offset(struct cgroup, ancestors) + level * sizeof(void *));
	return BPF_CORE_READ(ancestor, kn, id);
}

/* What a controller has of a cgroup; NULL where it does not control it. */
#define CONTROLLER(cgrp, name)                                                              \
	({                                                                                  \
		void *css = 0;                                                              \
		if (bpf_core_enum_value_exists(enum cgroup_subsys_id, name##_cgrp_id))      \
			bpf_probe_read_kernel(&css, sizeof(css),                            \
					      (void *)(cgrp) +                              \
						      bpf_core_field_offset(struct cgroup, subsys) + \
						      bpf_core_enum_value(enum cgroup_subsys_id, \
									  name##_cgrp_id) * \
							      sizeof(void *));              \
		css;                                                                        \
	})

#endif
