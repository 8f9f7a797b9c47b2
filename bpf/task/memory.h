/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a process has mapped and resident, as task_statm() and task_mem() of fs/proc/task_mmu.c count it. */
#ifndef ITERFS_TASK_MEMORY_H
#define ITERFS_TASK_MEMORY_H

#include "kernel.h"
#include "records.h"

/* Machines of more CPUs have the real file read. */
#define MAX_CPUS 1024

enum { BPF_MAP_TYPE_PERCPU_ARRAY = 6 };

struct bpf_array {
	void *pptrs[0];
} KERNEL_TYPE;

/* A per-CPU variable of our own shows how far apart the CPUs' variables lie. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} per_cpu SEC(".maps");

/* What the verifier knows as a pointer, as the number that it is. */
static __always_inline u64 address(void *pointer)
{
	u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &pointer);
	return number;
}

/*
 * Adds what each CPU has not yet added to the counters itself, as
 * percpu_counter_sum(); says whether CPUs were left out. Since c439d5e8a0b8
 * ("pcpcntr: add group allocation/free"), 6.6, the counters of an mm lie side by
 * side on each CPU; where they do not, all are left out.
 */
static __always_inline u32 add_per_cpu(s64 sums[4], struct mm_struct *mm)
{
	void *counters = mm->rss_stat[0].counters;
	u32 zero = 0;
	u64 base = 0;
	s32 n[4];

	if ((void *)mm->rss_stat[3].counters - counters != 3 * sizeof(n[0]))
		return 1;
	bpf_probe_read_kernel(&base, sizeof(base),
			      (void *)address(&per_cpu) + bpf_core_field_offset(struct bpf_array, pptrs));
	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++) {
		void *ours = bpf_map_lookup_percpu_elem(&per_cpu, &zero, cpu);

		if (!ours)
			return 0;
		bpf_probe_read_kernel(n, sizeof(n), counters + (address(ours) - base));
		sums[0] += n[0];
		sums[1] += n[1];
		sums[2] += n[2];
		sums[3] += n[3];
	}
	return 1;
}

/* Fills both ways to count pages; says whether the exact one is incomplete. */
static __always_inline u32 count_pages(struct page_counts *pages, struct mm_struct *mm)
{
#define COUNT(i)                                                                                   \
	do {                                                                                       \
		pages->rough[i] = MM_COUNTER(mm, i);                                               \
		pages->exact[i] = pages->rough[i];                                                 \
	} while (0)
	COUNT(MM_FILEPAGES);
	COUNT(MM_ANONPAGES);
	COUNT(MM_SWAPENTS);
	COUNT(MM_SHMEMPAGES);
#undef COUNT
	if (bpf_core_type_exists(struct mm_rss_stat))
		return 0;
	return add_per_cpu(pages->exact, mm);
}

static __always_inline void fill_sizes(struct sizes *s, struct mm_struct *mm)
{
	s->total_vm = mm->total_vm;
	s->data_vm = mm->data_vm;
	s->stack_vm = mm->stack_vm;
	s->start_code = mm->start_code;
	s->end_code = mm->end_code;
	s->incomplete = count_pages(&s->pages, mm);
}

static __always_inline void write_statm(struct seq_file *seq, struct task_struct *t, struct reader *reader, u32 kind)
{
	struct mm_struct *mm = task_mm(t);
	struct statm_record r = {};

	START_RECORD(&r, t, reader);
	r.item.kind = kind;
	if (mm)
		fill_sizes(&r.sizes, mm);
	bpf_seq_write(seq, &r, sizeof(r));
}

SEC("iter/task")
int statm_records(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_process(t);

	if (!reader)
		return 0;
	write_statm(ctx->meta->seq, t, reader, ITEM_RECORD);
	return 0;
}

#endif
