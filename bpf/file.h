/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the iterators over files and over mappings need: processes, files and their paths. */
#ifndef ITERFS_FILE_H
#define ITERFS_FILE_H

#include "access.h"

#define PATH_MAX 4096
#define ENAMETOOLONG 36

struct task_struct {
	int pid;
	int tgid;
	u64 start_boottime;
	char comm[16];
} KERNEL_TYPE;

struct super_block {
	u32 s_dev;
	unsigned long s_magic;
} KERNEL_TYPE;

struct inode {
	u16 i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
} KERNEL_TYPE;

struct vfsmount;

struct path {
	struct vfsmount *mnt;
} KERNEL_TYPE;

struct file {
	u32 f_mode;
	u32 f_flags;
	struct inode *f_inode;
	struct path f_path;
	s64 f_pos;
	void *private_data;
} KERNEL_TYPE;

/* What each record begins with. */
struct head {
	u32 size; /* of the record, its path included; a multiple of 8 */
	u32 tgid; /* as the reader numbers it */
	u32 native_tgid; /* as the daemon does */
	u32 pad;
	u64 start; /* of the process, ns after boot */
};

/* The reader, of a process that there is for the reader; 0 of all other tasks. */
static __always_inline struct reader *reader_of_process(struct task_struct *t)
{
	struct reader *reader;

	if (!t || t->pid != t->tgid)
		return 0;
	reader = reader_of_run();
	return is_visible(t, reader, 1) ? reader : 0;
}

/* The reader, of a process in whose /proc/<pid>/fd the reader may look. */
static __always_inline struct reader *reader_of_files(struct task_struct *t)
{
	struct reader *reader = reader_of_process(t);

	/* proc_fd_permission() */
	return reader && may_read(t, reader) && (t->tgid == reader->tgid || may_open_private(t, reader)) ? reader : 0;
}

static __always_inline void fill_head(struct head *head, struct task_struct *t, struct reader *reader)
{
	head->tgid = NUMBER(t, reader, tgid, tgid);
	head->native_tgid = NUMBER(t, reader, native_tgid, tgid);
	head->start = t->start_boottime;
}

/*
 * A record ends in a path, behind the fields of its type. Most paths have room on
 * the stack; for the others each reading thread has memory of its own.
 */
#define SHORT_PATH 248

struct path_buffer {
	char path[PATH_MAX + 8]; /* the verifier adds to a length that is rounded up */
};
ARGS(path_buffer)

/* 3d06f34aa89e ("bpf: Allow bpf_d_path in bpf_iter program"), 5.12, came together with iter/task_vma. */
struct bpf_iter__task_vma___since {
	struct bpf_iter_meta *meta;
} KERNEL_TYPE;

static __always_inline _Bool has_d_path(void)
{
	return bpf_core_type_exists(struct bpf_iter__task_vma___since);
}

/* Writes a record of that size and the text of n bytes behind it, NUL included. */
static __always_inline void write_with_text(struct seq_file *seq, struct head *head, u32 size, u16 *length, s64 n)
{
	head->size = size;
	if (n > 0) {
		*length = n - 1;
		head->size = size + ((n + 7) & 0xf8);
	}
	bpf_seq_write(seq, head, head->size);
}

static __always_inline void write_with_long_path(struct seq_file *seq, struct head *head, u32 size, u16 *length,
						 struct path *path)
{
	struct path_buffer *buffer = args_of_run();
	s64 n = buffer ? bpf_d_path(path, buffer->path, PATH_MAX) : 0;

	if (n < 1 || n > PATH_MAX) {
		write_with_text(seq, head, size, length, 0);
		return;
	}
	*length = n - 1;
	n = (n + 7) & 0x1ff8;
	head->size = size + n;
	bpf_seq_write(seq, head, size);
	bpf_seq_write(seq, buffer->path, n);
}

/*
 * Writes a record of that size, behind which there is room for a short path, and
 * the path. The length is 0 where the program cannot tell it.
 */
static __always_inline void write_with_path(struct seq_file *seq, struct head *head, u32 size, u16 *length,
					    struct path *path)
{
	s64 n = 0;

	if (path && has_d_path())
		n = bpf_d_path(path, (void *)head + size, SHORT_PATH);
	if (n == -ENAMETOOLONG)
		write_with_long_path(seq, head, size, length, path);
	else
		write_with_text(seq, head, size, length, n);
}

#endif
