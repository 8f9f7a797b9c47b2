// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/dmabuf: one record a DMA buffer. */
#include "iter.h"

struct list_head {
	struct list_head *next;
} KERNEL_TYPE;

typedef struct {
	atomic64_t refcnt;
} KERNEL_TYPE file_ref_t;

struct inode {
	unsigned long i_ino;
} KERNEL_TYPE;

struct file {
	file_ref_t f_ref;
	struct inode *f_inode;
} KERNEL_TYPE;

struct dma_buf {
	unsigned long size;
	struct file *file;
	struct list_head attachments;
	const char *exp_name;
	const char *name;
} KERNEL_TYPE;

struct dma_buf_attachment {
	struct dma_buf *dmabuf;
	struct list_head node;
} KERNEL_TYPE;

struct bpf_iter__dmabuf {
	struct bpf_iter_meta *meta;
	struct dma_buf *dmabuf;
} KERNEL_TYPE;

/* The buffers whose inode numbers are between the two. */
struct run_args {
	u64 first, last;
};
EXPORT_RECORD(run_args);
ARGS(run_args);

struct buffer_record {
	u64 ino;
	u64 size; /* bytes */
	s64 refs;
	s64 attached; /* -1: could not be counted */
	char name[32]; /* DMA_BUF_NAME_LEN */
	char exporter[64];
};
EXPORT_RECORD(buffer_record);

struct count {
	struct dma_buf *dmabuf;
	void *node, *head;
	s64 attached;
};

/* Devices come and go meanwhile: an attachment that has been freed tells by its buffer. */
static long count_attachment(u32 i, struct count *c)
{
	struct dma_buf_attachment *a;

	if (c->node == c->head)
		return 1;
	a = c->node - bpf_core_field_offset(struct dma_buf_attachment, node);
	if (BPF_CORE_READ(a, dmabuf) != c->dmabuf) {
		c->attached = -1;
		return 1;
	}
	c->attached++;
	c->node = BPF_CORE_READ(a, node.next);
	return 0;
}

SEC("iter/dmabuf")
int buffer_records(struct bpf_iter__dmabuf *ctx)
{
	struct dma_buf *dmabuf = ctx->dmabuf;
	struct run_args *args = args_of_run();
	struct count c = { .dmabuf = dmabuf };
	struct buffer_record r = {};

	if (!dmabuf || !args)
		return 0;
	r.ino = dmabuf->file->f_inode->i_ino;
	if (r.ino < args->first || r.ino > args->last)
		return 0;
	r.size = dmabuf->size;
	/* The kernel counts one less than there are; the iterator itself has one. */
	r.refs = dmabuf->file->f_ref.refcnt.counter;
	c.head = (void *)dmabuf + bpf_core_field_offset(struct dma_buf, attachments);
	c.node = BPF_CORE_READ(dmabuf, attachments.next);
	bpf_loop(1 << 20, count_attachment, &c, 0);
	r.attached = c.attached;
	if (dmabuf->name)
		bpf_probe_read_kernel_str(r.name, sizeof(r.name), dmabuf->name);
	if (dmabuf->exp_name)
		bpf_probe_read_kernel_str(r.exporter, sizeof(r.exporter), dmabuf->exp_name);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
