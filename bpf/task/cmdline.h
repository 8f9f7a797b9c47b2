/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The arguments of a process, as get_mm_cmdline() of fs/proc/base.c reads them.
 * That never waits for anybody: it refuses memory other than anonymous, which a
 * file system may be slow to fill in. The helper at hand refuses nothing, so each
 * reading is preceded by a look at the mapping, and whatever is not the ordinary
 * is left to the real file. What remains is a process that exchanges its memory
 * between the look and the reading.
 */
#ifndef ITERFS_TASK_CMDLINE_H
#define ITERFS_TASK_CMDLINE_H

#include "kernel.h"
#include "records.h"

struct vm_area_struct {
	unsigned long vm_start, vm_end;
	const void *vm_ops;
} KERNEL_TYPE;

struct bpf_iter_task_vma {
	u64 __opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_task_vma_new(struct bpf_iter_task_vma *it, struct task_struct *t, u64 address) __weak __ksym;
extern struct vm_area_struct *bpf_iter_task_vma_next(struct bpf_iter_task_vma *it) __weak __ksym;
extern void bpf_iter_task_vma_destroy(struct bpf_iter_task_vma *it) __weak __ksym;

/* setproctitle(3) has a page at most. */
#define TITLE_SIZE 4096
#define PIECE_SIZE 256
#define MAX_PIECES (TITLE_SIZE / PIECE_SIZE + 1)

/* The end of the anonymous mapping that an address lies in; 0 for another one or none, or while it is being changed. */
static __always_inline u64 anonymous_end(struct task_struct *t, u64 address)
{
	struct bpf_iter_task_vma it;
	struct vm_area_struct *vma;
	u64 end = 0;

	bpf_iter_task_vma_new(&it, t, address);
	vma = bpf_iter_task_vma_next(&it);
	if (vma && vma->vm_start <= address && !vma->vm_ops) /* vma_is_anonymous() */
		end = vma->vm_end;
	bpf_iter_task_vma_destroy(&it);
	return end;
}

/* Where the arguments of a process lie, and the mapping that they begin in. */
struct arguments {
	u64 start, end, title_end, mapping_end;
};

/*
 * Finds the arguments; there is nothing to write of them where it says no. The
 * iterator over mappings came with 6.7. Before 5.18 the helper was not there either.
 */
static __always_inline _Bool find_arguments(struct arguments *a, struct cmdline_record *r, struct task_struct *t)
{
	struct mm_struct *mm = task_mm(t);

	if (!mm || !mm->env_end || mm->arg_start >= mm->arg_end)
		return 0;
	a->start = mm->arg_start;
	a->end = mm->arg_end;
	/* A title may overflow into the environment, if that follows. */
	a->title_end = mm->env_start == a->end && mm->env_end > a->end ? mm->env_end : a->end;
	if (a->title_end - a->start > TITLE_SIZE)
		a->title_end = a->start + TITLE_SIZE;
	r->length = a->end - a->start;
	if (!&bpf_iter_task_vma_new || r->length > MAX_PIECES * PIECE_SIZE) {
		r->incomplete = 1;
		return 0;
	}
	a->mapping_end = anonymous_end(t, a->start);
	return 1;
}

/*
 * Writes the arguments from start to end. Where the last byte is not NUL, they
 * have been overwritten by a title, which goes on up to title_end.
 */
static __always_inline void write_arguments(struct seq_file *seq, struct task_struct *t, struct arguments where)
{
	struct arguments_item a = { .item.kind = ITEM_ARGUMENTS };
	u64 at = where.start, end = where.end;

	for (int i = 0; i < MAX_PIECES; i++) {
		u64 n = end - at;

		if (n > PIECE_SIZE)
			n = PIECE_SIZE;
		if (!n)
			return;
		if (end > where.mapping_end || bpf_copy_from_user_task(a.data, n, (void *)at, t, 0))
			break;
		a.length = n;
		a.item.size = sizeof(a) - sizeof(a.data) + ((n + 7) & 0x1f8);
		bpf_seq_write(seq, &a, a.item.size);
		at += n;
		if (at == end && end < where.title_end && a.data[(n - 1) & (PIECE_SIZE - 1)])
			end = where.title_end;
		else if (at == end)
			return;
	}
	a.length = 0;
	a.item.size = sizeof(a) - sizeof(a.data);
	bpf_seq_write(seq, &a, sizeof(a) - sizeof(a.data));
}

/* Behind it come the arguments, where it says so. */
static __always_inline _Bool write_cmdline(struct seq_file *seq, struct task_struct *t, struct reader *reader, u32 kind, struct arguments *a)
{
	struct cmdline_record r = {};
	_Bool found;

	START_RECORD(&r, t, reader);
	r.item.kind = kind;
	found = find_arguments(a, &r, t);
	bpf_seq_write(seq, &r, sizeof(r));
	return found;
}

SEC("iter.s/task")
int cmdline_records(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct reader *reader = reader_of_process(t);
	struct arguments a = {};

	if (!reader)
		return 0;
	if (write_cmdline(ctx->meta->seq, t, reader, ITEM_RECORD, &a))
		write_arguments(ctx->meta->seq, t, a);
	return 0;
}

#endif
