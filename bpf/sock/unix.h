/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Unix sockets. */
#ifndef ITERFS_SOCK_UNIX_H
#define ITERFS_SOCK_UNIX_H

#include "sock.h"

#define UNIX_NAME_MAX 108 /* sizeof(sun_path): a path may fill it, its NUL comes behind */

struct unix_address {
	int len; /* with sun_family */
	char name[];
} KERNEL_TYPE;

struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
	struct sock *peer;
	int inq_len;
} KERNEL_TYPE;

/*
 * Fills name, which is zero, with the socket's and returns its length, 0 for none.
 * An abstract name begins with a NUL.
 */
static __always_inline u32 unix_name(u8 *name, struct unix_sock *u)
{
	struct unix_address *addr = BPF_CORE_READ(u, addr);
	u32 length;

	if (!addr)
		return 0;
	length = BPF_CORE_READ(addr, len) - sizeof(u16);
	if (length > UNIX_NAME_MAX + 1)
		return 0;
	bpf_probe_read_kernel(name, length < UNIX_NAME_MAX ? length : UNIX_NAME_MAX,
			      (void *)addr + bpf_core_field_offset(struct unix_address, name) + sizeof(u16));
	return name[0] && length ? length - 1 : length;
}

#endif
