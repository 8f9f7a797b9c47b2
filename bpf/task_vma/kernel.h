/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's types behind a mapping, and what differs between 6.1 and today. */
#ifndef ITERFS_TASK_VMA_KERNEL_H
#define ITERFS_TASK_VMA_KERNEL_H

#include "records.h"

#define MNT_INTERNAL 0x4000
#define MM_CONTEXT_HAS_VSYSCALL 2

struct mm_struct {
	unsigned long start_brk, brk, start_stack;
	struct {
		unsigned long flags;
	} context;
} KERNEL_TYPE;

struct vm_special_mapping {
	const char *name;
} KERNEL_TYPE;

struct vm_operations_struct {
	void *name;
} KERNEL_TYPE;

struct anon_vma_name {
	char name[0];
} KERNEL_TYPE;

struct vm_area_struct {
	unsigned long vm_start, vm_end;
	struct mm_struct *vm_mm;
	unsigned long vm_flags;
	struct {
		unsigned long rb_subtree_last;
	} shared;
	struct anon_vma_name *anon_name;
	struct vm_operations_struct *vm_ops;
	unsigned long vm_pgoff;
	struct file *vm_file;
	void *vm_private_data;
} KERNEL_TYPE;

struct vfsmount {
	int mnt_flags;
} KERNEL_TYPE;

/* def3ae83da02 ("fs: store real path instead of fake path in backing file f_path"), 6.7 */
struct backing_file {
	struct path user_path;
} KERNEL_TYPE;

/* 210a03c9d51a ("fs: claw back a few FMODE_* bits"), 6.10 */
struct file_operations {
	u32 fop_flags;
} KERNEL_TYPE;

struct sched_entity {
	u64 deadline;
} KERNEL_TYPE;

/*
 * Whether the file is one that a stacked filesystem has open below the one that
 * was mapped, which only the kernel's file_user_path() finds. FMODE_BACKING has
 * been bit 25, and is bit 24 since 6.14; before 6.10 and since 6.14 the other is
 * set in ordinary files, and in those of the kernel's own mounts.
 */
static __always_inline _Bool is_backing_file(struct file *f)
{
	struct backing_file *backing = 0;
	struct file_operations *op = 0;
	u32 bits = 1 << 25;

	if (!bpf_core_field_exists(backing->user_path))
		return 0;
	if (bpf_core_field_exists(op->fop_flags))
		bits |= 1 << 24;
	return f->f_mode & bits && !(f->f_path.mnt->mnt_flags & MNT_INTERNAL);
}

/*
 * The name given by prctl(2). Before d09e8ca6cb93 ("mm: anonymous shared memory
 * naming"), 6.2, a mapping of a file has something else in the field.
 */
static __always_inline struct anon_vma_name *anon_name(struct vm_area_struct *v)
{
	if (!bpf_core_field_exists(v->anon_name))
		return 0;
	if (v->vm_file && bpf_core_field_offset(v->anon_name) == bpf_core_field_offset(v->shared))
		return 0;
	return v->anon_name;
}

/*
 * vma_is_initial_heap(). d3bb89ea9c13 ("mm: fix VMA heap bounds checking"), 6.7
 * and 6.6.8, leaves out mappings next to the heap; it is told by another of 6.6.
 */
static __always_inline _Bool is_heap(struct vm_area_struct *v)
{
	struct mm_struct *mm = v->vm_mm;
	struct sched_entity *se = 0;

	if (bpf_core_field_exists(se->deadline))
		return v->vm_start < mm->brk && v->vm_end > mm->start_brk;
	return v->vm_start <= mm->brk && v->vm_end >= mm->start_brk;
}

static __always_inline _Bool is_stack(struct vm_area_struct *v)
{
	struct mm_struct *mm = v->vm_mm;

	return v->vm_start <= mm->start_stack && v->vm_end >= mm->start_stack;
}

/* Whether get_gate_vma() of x86 adds its mapping; it does not to a process of 32 bits. */
static __always_inline _Bool has_gate(struct mm_struct *mm)
{
	if (!bpf_core_field_exists(mm->context.flags))
		return 0;
	return BPF_CORE_READ(mm, context.flags) & MM_CONTEXT_HAS_VSYSCALL;
}

#endif
