// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* Cgroups: their numbers, in the order of the walk. */
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
	__u64 id;
	const char *name;
};

struct cgroup {
	int level;
	struct kernfs_node *kn;
};

struct bpf_iter__cgroup {
	struct bpf_iter_meta *meta;
	struct cgroup *cgroup;
};

#pragma clang attribute pop

SEC("iter/cgroup")
int dump_cgroup(struct bpf_iter__cgroup *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct cgroup *cgrp = ctx->cgroup;
	char name[64] = {};

	if (!cgrp) {
		BPF_SEQ_PRINTF(seq, "epilogue\n");
		return 0;
	}
	if (ctx->meta->seq_num == 0)
		BPF_SEQ_PRINTF(seq, "prologue\n");
	bpf_probe_read_kernel_str(name, sizeof(name), cgrp->kn->name);
	BPF_SEQ_PRINTF(seq, "%8llu %d %s\n", cgrp->kn->id, cgrp->level, name);
	return 0;
}
