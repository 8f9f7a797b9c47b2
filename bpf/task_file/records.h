/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The records of iter/task_file. */
#ifndef ITERFS_TASK_FILE_RECORDS_H
#define ITERFS_TASK_FILE_RECORDS_H

#include "file.h"

#define SOCKFS_MAGIC 0x534F434B

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
} KERNEL_TYPE;

/* What a file is beyond what its mode says. */
enum file_kind {
	KIND_ORDINARY,
	KIND_SOCKET,
	KIND_PIPE,
	KIND_ANONYMOUS,
};

struct file_record {
	struct head head;
	u64 pos;
	u64 ino;
	u32 fd;
	u32 dev;
	u16 type;   /* i_mode */
	u16 kind;   /* enum file_kind */
	u16 access; /* FMODE_READ, FMODE_WRITE, ACCESS_PATH */
	u16 path_length;
};

#endif
