/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The records of iter/task_vma. */
#ifndef ITERFS_TASK_VMA_RECORDS_H
#define ITERFS_TASK_VMA_RECORDS_H

#include "file.h"

/* What names a mapping. */
enum vma_name {
	NAME_NONE,
	NAME_PATH,    /* of its file: behind the record, or unknown */
	NAME_USER,    /* of its file, which the file that is mapped stands behind: unknown, and so are dev and ino */
	NAME_SPECIAL, /* of the kernel's own: behind the record */
	NAME_HEAP,
	NAME_STACK,
	NAME_ANON,  /* given by prctl(2): behind the record */
	NAME_SHMEM, /* likewise, of shared memory */
};

struct vma_record {
	struct head head;
	u64 start, end;
	u64 flags;  /* vm_flags */
	u64 offset; /* pages; 0 without a file */
	u64 ino;
	u32 dev;
	u8 name; /* enum vma_name */
	u8 gate; /* this process has the mapping that get_gate_vma() adds to all */
	u16 name_length;
};

#endif
