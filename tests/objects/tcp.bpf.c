// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* TCP sockets of either family, two programs, with the kernel's HZ. */
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
	__u32 uid;
};

#pragma clang attribute pop

#define AF_INET 2
#define AF_INET6 10

extern unsigned CONFIG_HZ __kconfig;

SEC("iter/tcp")
int dump_tcp4(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	struct seq_file *seq = ctx->meta->seq;

	if (!sk)
		return 0;
	if (ctx->meta->seq_num == 0)
		BPF_SEQ_PRINTF(seq, "  sl  local_address rem_address   st   uid  HZ\n");
	if (sk->skc_family != AF_INET)
		return 0;
	BPF_SEQ_PRINTF(seq, "%4d: %08X:%04X %08X:%04X %02X %5u %3u\n", ctx->meta->seq_num,
		       sk->skc_rcv_saddr, sk->skc_num, sk->skc_daddr, bpf_ntohs(sk->skc_dport), sk->skc_state, ctx->uid, CONFIG_HZ);
	return 0;
}

SEC("iter/tcp")
int dump_tcp6(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	struct in6_addr local, remote;

	if (!sk || sk->skc_family != AF_INET6)
		return 0;
	local = sk->skc_v6_rcv_saddr;
	remote = sk->skc_v6_daddr;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%08X%08X%08X%08X:%04X %08X%08X%08X%08X:%04X %02X\n",
		       local.in6_u.u6_addr32[0], local.in6_u.u6_addr32[1], local.in6_u.u6_addr32[2], local.in6_u.u6_addr32[3], sk->skc_num,
		       remote.in6_u.u6_addr32[0], remote.in6_u.u6_addr32[1], remote.in6_u.u6_addr32[2], remote.in6_u.u6_addr32[3],
		       bpf_ntohs(sk->skc_dport), sk->skc_state);
	return 0;
}
