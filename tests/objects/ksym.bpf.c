// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* The kernel's symbols, as in /proc/kallsyms. */
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kallsym_iter {
	unsigned long value;
	char type;
	char name[512];
	char module_name[56];
	bool exported;
};

struct bpf_iter__ksym {
	struct bpf_iter_meta *meta;
	struct kallsym_iter *ksym;
};

#pragma clang attribute pop

SEC("iter/ksym")
int dump_ksym(struct bpf_iter__ksym *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct kallsym_iter *iter = ctx->ksym;

	if (!iter)
		return 0;
	BPF_SEQ_PRINTF(seq, "%08llx %c ", iter->value, iter->type);
	if (iter->module_name[0])
		BPF_SEQ_PRINTF(seq, "[%s] ", iter->module_name);
	BPF_SEQ_PRINTF(seq, "%s\n", iter->name);
	return 0;
}
