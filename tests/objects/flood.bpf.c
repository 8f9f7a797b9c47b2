// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* Some 40 MB: eight lines for each of the kernel's symbols, or as many bytes. */
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kallsym_iter {
	unsigned long value;
	char type;
	char name[512];
};

struct bpf_iter__ksym {
	struct bpf_iter_meta *meta;
	struct kallsym_iter *ksym;
};

#pragma clang attribute pop

char block[340] = {};

SEC("iter/ksym")
int text(struct bpf_iter__ksym *ctx)
{
	struct kallsym_iter *k = ctx->ksym;
	int i;

	if (k)
		for (i = 0; i < 8; i++)
			BPF_SEQ_PRINTF(ctx->meta->seq, "%d %016llx %c %s\n", i, k->value, k->type, k->name);
	return 0;
}

SEC("iter/ksym")
int bytes(struct bpf_iter__ksym *ctx)
{
	if (ctx->ksym)
		bpf_seq_write(ctx->meta->seq, block, sizeof(block));
	return 0;
}
