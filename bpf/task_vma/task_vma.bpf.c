// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/task_vma: the memory mappings of processes. */
#include "kernel.h"

EXPORT_RECORD(head);
EXPORT_RECORD(reader);
EXPORT_RECORD(vma_record);

struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
} KERNEL_TYPE;

struct named_vma {
	struct vma_record r;
	char name[SHORT_PATH];
};

/* The name that is text of the kernel's, as get_vma_name() of fs/proc/task_mmu.c finds it; its length with NUL, or 0. */
static __always_inline s64 fill_name(struct named_vma *out, struct vm_area_struct *v)
{
	struct anon_vma_name *anon = anon_name(v);
	const char *name = 0;

	if (v->vm_file) {
		out->r.name = anon ? NAME_SHMEM : NAME_PATH;
	} else if (v->vm_ops && v->vm_ops->name) {
		struct vm_special_mapping *special = v->vm_private_data;

		out->r.name = NAME_SPECIAL;
		name = BPF_CORE_READ(special, name);
	} else if (is_heap(v)) {
		out->r.name = NAME_HEAP;
	} else if (is_stack(v)) {
		out->r.name = NAME_STACK;
	} else if (anon) {
		out->r.name = NAME_ANON;
	}
	if (out->r.name == NAME_ANON || out->r.name == NAME_SHMEM)
		name = (void *)anon + bpf_core_field_offset(anon->name);
	return name ? bpf_probe_read_kernel_str(out->name, sizeof(out->name), name) : 0;
}

/*
 * One record a mapping of each process, and one that is a head alone at the end
 * of all. The iterator also visits threads that do not share the files of their
 * process, which have the mappings of it.
 */
SEC("iter/task_vma")
int vma_records(struct bpf_iter__task_vma *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *t = ctx->task;
	struct vm_area_struct *v = ctx->vma;
	struct named_vma out = {};
	struct vma_record *r = &out.r;
	struct reader *reader;
	s64 n;

	if (!t || !v) {
		r->head.size = sizeof(r->head);
		bpf_seq_write(seq, &r->head, sizeof(r->head));
		return 0;
	}
	reader = reader_of_process(t);
	if (!reader || !may_read_memory(t, reader))
		return 0;
	fill_head(&r->head, t, reader);
	r->start = v->vm_start;
	r->end = v->vm_end;
	r->flags = v->vm_flags;
	r->gate = has_gate(v->vm_mm);
	if (v->vm_file) {
		r->offset = v->vm_pgoff;
		r->ino = v->vm_file->f_inode->i_ino;
		r->dev = v->vm_file->f_inode->i_sb->s_dev;
	}
	n = fill_name(&out, v);
	if (r->name == NAME_PATH && is_backing_file(v->vm_file))
		r->name = NAME_USER;
	if (r->name == NAME_PATH)
		write_with_path(seq, &r->head, sizeof(*r), &r->name_length, &v->vm_file->f_path);
	else
		write_with_text(seq, &r->head, sizeof(*r), &r->name_length, n);
	return 0;
}
