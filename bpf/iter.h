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

/* Keeps a record type in the object's BTF, where Go's twin is made from. */
#define EXPORT_RECORD(type) const struct type *record_##type SEC(".records") __attribute__((unused))

char _license[] SEC("license") = "Dual BSD/GPL";

#endif
