// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* IPv6 routes, with what the kernel was built with where it was. */
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct rt6key {
	struct in6_addr addr;
	int plen;
};

struct fib6_info {
	struct rt6key fib6_dst;
	__u32 fib6_metric;
	__u32 fib6_flags;
};

struct bpf_iter__ipv6_route {
	struct bpf_iter_meta *meta;
	struct fib6_info *rt;
};

#pragma clang attribute pop

extern bool CONFIG_IPV6_SUBTREES __kconfig __weak;
extern bool CONFIG_THERE_IS_NO_SUCH_OPTION __kconfig __weak;

SEC("iter/ipv6_route")
int dump_ipv6_route(struct bpf_iter__ipv6_route *ctx)
{
	struct fib6_info *rt = ctx->rt;

	if (!rt)
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%pi6 %02x ", &rt->fib6_dst.addr, rt->fib6_dst.plen);
	if (CONFIG_IPV6_SUBTREES)
		BPF_SEQ_PRINTF(ctx->meta->seq, "subtrees ");
	if (CONFIG_THERE_IS_NO_SUCH_OPTION)
		BPF_SEQ_PRINTF(ctx->meta->seq, "nonsense ");
	BPF_SEQ_PRINTF(ctx->meta->seq, "%08x %08x\n", rt->fib6_metric, rt->fib6_flags);
	return 0;
}
