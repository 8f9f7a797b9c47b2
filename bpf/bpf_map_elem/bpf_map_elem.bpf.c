// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/bpf_map_elem: one record an element: its key, its value. */
#include "iter.h"

/* The kernel compares what the program accesses with the map's sizes: they are constant for it. */
const volatile u32 key_size = 4;
const volatile u32 value_size = 8; /* of a per-CPU map: rounded up to 8, for each possible CPU */

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *key;
	void *value;
} KERNEL_TYPE;

SEC("iter/bpf_map_elem")
int element_records(struct bpf_iter__bpf_map_elem *ctx)
{
	void *key = ctx->key, *value = ctx->value;

	if (!key || !value)
		return 0;
	bpf_seq_write(ctx->meta->seq, key, key_size);
	bpf_seq_write(ctx->meta->seq, value, value_size);
	return 0;
}
