/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every iterator program needs. The kernel's types are declared here and
 * in the targets with the fields that are read and no others; CO-RE moves each
 * access to where the running kernel has the field.
 */
#ifndef ITERFS_ITER_H
#define ITERFS_ITER_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define KERNEL_TYPE __attribute__((preserve_access_index))

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
} KERNEL_TYPE;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

/*
 * What one run tells its program. The map holds a value for each thread of the
 * daemon that is reading just now, by the number that the thread has in its own
 * pid namespace.
 */
#define BY_THREAD(map, record, value_of_run)         \
	struct {                                     \
		__uint(type, BPF_MAP_TYPE_HASH);     \
		__uint(max_entries, 1024);           \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__type(key, u32);                    \
		__type(value, struct record);        \
	} map SEC(".maps");                          \
	static __always_inline struct record *value_of_run(void) \
	{                                            \
		u32 tid = reading_tid();             \
		return bpf_map_lookup_elem(&map, &tid); \
	}

/* Arguments that the kernel has no parameter for: bpf.Params.Args. */
#define ARGS(record) BY_THREAD(args, record, args_of_run)

enum { BPF_MAP_TYPE_HASH = 1, BPF_F_NO_PREALLOC = 1 };

struct upid___args {
	int nr;
	void *ns;
} KERNEL_TYPE;

struct pid___args {
	u32 level;
	struct upid___args numbers[1];
} KERNEL_TYPE;

struct task_struct___args {
	struct pid___args *thread_pid;
} KERNEL_TYPE;

/* The number at a level, and its namespace; the level is not above pid->level. */
static __always_inline struct upid___args *upid_at(void *pid, u32 level)
{
	return pid + bpf_core_field_offset(struct pid___args, numbers) + level * bpf_core_type_size(struct upid___args);
}

static __always_inline u32 reading_tid(void)
{
	struct task_struct___args *self = (void *)bpf_get_current_task();
	struct pid___args *pid = BPF_CORE_READ(self, thread_pid);
	struct upid___args *innermost = upid_at(pid, BPF_CORE_READ(pid, level));

	return BPF_CORE_READ(innermost, nr);
}

/* Keeps a record type in the object's BTF, where Go's twin is made from. */
#define EXPORT_RECORD(type) const struct type *record_##type SEC(".records") __attribute__((unused))

char _license[] SEC("license") = "Dual BSD/GPL";

#endif
