// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* BPF maps. */
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_map {
	__u32 id;
	char name[16];
	__u32 max_entries;
	atomic64_t usercnt;
};

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};

#pragma clang attribute pop

SEC("iter/bpf_map")
int dump_bpf_map(struct bpf_iter__bpf_map *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	__u64 seq_num = ctx->meta->seq_num;
	struct bpf_map *map = ctx->map;

	if (!map) {
		BPF_SEQ_PRINTF(seq, "      %%%%%% END %%%%%%\n");
		return 0;
	}
	if (seq_num == 0)
		BPF_SEQ_PRINTF(seq, "  id name             max_entries  usercnt\n");
	BPF_SEQ_PRINTF(seq, "%4u %-16s%6d %10lu\n", map->id, map->name, map->max_entries, map->usercnt.counter);
	return 0;
}
