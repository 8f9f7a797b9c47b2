// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* Variables of the kernel by their types, and by their addresses alone. */
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct rq {
	int cpu;
};

struct bpf_map;

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};

#pragma clang attribute pop

extern const struct rq runqueues __ksym;
extern const int bpf_prog_active __ksym;
extern const struct rq no_such_runqueues __ksym __weak;
extern const void schedule __ksym;
extern const void no_such_symbol __ksym __weak;

SEC("iter/bpf_map")
int dump_runqueues(struct bpf_iter__bpf_map *ctx)
{
	struct seq_file *seq = ctx->meta->seq;

	if (ctx->map)
		return 0;
	for (int cpu = 0; cpu < 8; cpu++) {
		const struct rq *rq = bpf_per_cpu_ptr(&runqueues, cpu);
		const int *active = bpf_per_cpu_ptr(&bpf_prog_active, cpu);

		if (rq && active)
			BPF_SEQ_PRINTF(seq, "runqueue %d of cpu %d, active %d\n", cpu, rq->cpu, *active >= 0);
	}
	BPF_SEQ_PRINTF(seq, "%llx %d %d\n", &schedule, !&no_such_runqueues, !&no_such_symbol);
	return 0;
}
