// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* The sockets in a sockmap, and what sockets have in a storage. */
#include "kernel.h"

struct bpf_map;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_iter__sockmap {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	struct sock *sk;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

#pragma clang attribute pop

SEC("iter/sockmap")
int dump_sockmap(struct bpf_iter__sockmap *ctx)
{
	struct sock *sk = ctx->sk;
	__u32 *key = ctx->key;

	if (!key || !sk)
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%u: family %d\n", *key, sk->__sk_common.skc_family);
	return 0;
}

SEC("iter/bpf_sk_storage_map")
int dump_sk_storage(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	__u32 *value = ctx->value;

	if (!sk || !value)
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "family %d: %u\n", sk->__sk_common.skc_family, *value);
	return 0;
}
