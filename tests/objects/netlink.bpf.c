// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* Netlink sockets. */
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct netlink_sock {
	struct sock sk;
	__u32 portid;
	__u32 ngroups;
	unsigned long *groups;
	bool cb_running;
};

struct bpf_iter__netlink {
	struct bpf_iter_meta *meta;
	struct netlink_sock *sk;
};

#pragma clang attribute pop

SEC("iter/netlink")
int dump_netlink(struct bpf_iter__netlink *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct netlink_sock *nlk = ctx->sk;
	unsigned long group = 0;

	if (!nlk)
		return 0;
	if (ctx->meta->seq_num == 0)
		BPF_SEQ_PRINTF(seq, "sk               Eth Pid        Groups   Dump\n");
	if (nlk->groups)
		bpf_probe_read_kernel(&group, sizeof(group), nlk->groups);
	BPF_SEQ_PRINTF(seq, "%pK %-3d %-10u %08x %-5d\n", nlk, nlk->sk.sk_protocol, nlk->portid, (__u32)group, nlk->cb_running);
	return 0;
}
