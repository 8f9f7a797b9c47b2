// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

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

/* Nothing for any element, and a line at the end. */
SEC("iter/bpf_map_elem")
int silent(struct bpf_iter__bpf_map_elem *ctx)
{
	if (!ctx->key)
		BPF_SEQ_PRINTF(ctx->meta->seq, "end\n");
	return 0;
}
