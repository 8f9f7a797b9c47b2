// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/bpf_sk_storage_map: for each socket with a value in the map its inode number, then the value. */
#include "sock/sock.h"

const volatile u32 value_size = 4;

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct sock *sk;
	void *value;
} KERNEL_TYPE;

SEC("iter/bpf_sk_storage_map")
int storage_records(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	void *value = ctx->value;
	u64 ino;

	if (!sk || !value)
		return 0;
	ino = sock_ino(sk);
	bpf_seq_write(ctx->meta->seq, &ino, sizeof(ino));
	bpf_seq_write(ctx->meta->seq, value, value_size);
	return 0;
}
