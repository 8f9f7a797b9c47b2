// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* The mappings of processes, as in /proc/PID/maps but for the names. */
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	unsigned long vm_flags;
	unsigned long vm_pgoff;
};

struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
};

#pragma clang attribute pop

#define VM_READ 1
#define VM_WRITE 2
#define VM_EXEC 4
#define VM_MAYSHARE 0x80

SEC("iter/task_vma")
int dump_vma(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	struct task_struct *task = ctx->task;
	char perm[] = "----";

	if (!task || !vma)
		return 0;
	if (vma->vm_flags & VM_READ)
		perm[0] = 'r';
	if (vma->vm_flags & VM_WRITE)
		perm[1] = 'w';
	if (vma->vm_flags & VM_EXEC)
		perm[2] = 'x';
	perm[3] = vma->vm_flags & VM_MAYSHARE ? 's' : 'p';
	BPF_SEQ_PRINTF(ctx->meta->seq, "%8d %08llx-%08llx %s %08llx\n", task->tgid, vma->vm_start, vma->vm_end, perm, vma->vm_pgoff << 12);
	return 0;
}
