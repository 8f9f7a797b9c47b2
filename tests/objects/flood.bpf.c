// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* Some 40 MB: a long line for each of the kernel's symbols. */
#include "kernel.h"

struct kallsym_iter;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_iter__ksym {
	struct bpf_iter_meta *meta;
	struct kallsym_iter *ksym;
};

#pragma clang attribute pop

char line[340] = {};

SEC("iter/ksym")
int flood(struct bpf_iter__ksym *ctx)
{
	if (ctx->ksym)
		bpf_seq_write(ctx->meta->seq, line, sizeof(line));
	return 0;
}
