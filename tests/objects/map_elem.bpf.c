// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* The elements of a map, of keys of 4 bytes and values of 8, and sums of them. */
#include "kernel.h"

struct bpf_map;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

#pragma clang attribute pop

__u32 key_sum = 0;
__u64 val_sum = 0;

SEC("iter/bpf_map_elem")
int dump_map_elem(struct bpf_iter__bpf_map_elem *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	__u32 *key = ctx->key;
	__u64 *value = ctx->value;

	if (!key || !value)
		return 0;
	key_sum += *key;
	val_sum += *value;
	BPF_SEQ_PRINTF(seq, "%u: %llu\n", *key, *value);
	bpf_seq_write(seq, value, sizeof(*value));
	BPF_SEQ_PRINTF(seq, "\n");
	return 0;
}
