// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* UDP sockets. */
#include "kernel.h"

struct udp_sock;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
	__u32 uid;
	int bucket;
};

#pragma clang attribute pop

SEC("iter/udp")
int dump_udp(struct bpf_iter__udp *ctx)
{
	struct sock *sk = (void *)ctx->udp_sk;

	if (!sk)
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%5d: %d %08X:%04X %08X:%04X %5u\n", ctx->bucket, sk->__sk_common.skc_family,
		       sk->__sk_common.skc_rcv_saddr, sk->__sk_common.skc_num, sk->__sk_common.skc_daddr,
		       bpf_ntohs(sk->__sk_common.skc_dport), ctx->uid);
	return 0;
}
