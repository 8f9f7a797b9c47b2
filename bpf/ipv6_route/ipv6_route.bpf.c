// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/ipv6_route: one record a route, with what ipv6_route_native_seq_show() of net/ipv6/ip6_fib.c prints. */
#include "iter.h"

#define RTF_GATEWAY 0x0002

struct in6_addr {
	u8 addr[16];
};

struct rt6key {
	struct in6_addr addr;
	int plen;
} KERNEL_TYPE;

struct refcount_struct {
	atomic_t refs;
} KERNEL_TYPE;

struct net_device {
	char name[16];
} KERNEL_TYPE;

struct fib_nh_common {
	struct net_device *nhc_dev;
	u8 nhc_gw_family;
	union {
		struct in6_addr ipv6;
	} nhc_gw;
} KERNEL_TYPE;

struct fib6_nh {
	struct fib_nh_common nh_common;
} KERNEL_TYPE;

struct nexthop;

struct nh_info {
	struct fib6_nh fib6_nh;
} KERNEL_TYPE;

struct nh_grp_entry {
	struct nexthop *nh;
} KERNEL_TYPE;

struct nh_group {
	u16 num_nh;
	struct nh_grp_entry nh_entries[];
} KERNEL_TYPE;

struct nexthop {
	_Bool is_group;
	struct nh_info *nh_info;
	struct nh_group *nh_grp;
} KERNEL_TYPE;

struct fib6_info {
	struct nexthop *nh;
	struct rt6key fib6_dst;
	struct rt6key fib6_src;
	u32 fib6_metric;
	struct refcount_struct fib6_ref;
	u32 fib6_flags;
	struct fib6_nh fib6_nh[];
} KERNEL_TYPE;

struct bpf_iter__ipv6_route {
	struct bpf_iter_meta *meta;
	struct fib6_info *rt;
} KERNEL_TYPE;

struct route_record {
	u8 dst[16];
	u8 src[16];
	u8 gateway[16];
	u32 dst_len;
	u32 src_len;
	u32 metric;
	u32 refs;
	u32 flags;
	char dev[16];
	u32 pad;
};
EXPORT_RECORD(route_record);

SEC("iter/ipv6_route")
int route_records(struct bpf_iter__ipv6_route *ctx)
{
	struct fib6_info *rt = ctx->rt;
	struct route_record r = {};
	struct net_device *dev;
	struct nexthop *nh;
	void *hop; /* struct fib6_nh */

	if (!rt)
		return 0;
	BPF_CORE_READ_INTO(&r.dst, rt, fib6_dst.addr);
	r.dst_len = rt->fib6_dst.plen;
	/* Routes by source exist where the kernel has CONFIG_IPV6_SUBTREES, and are zero elsewhere. */
	if (bpf_core_field_exists(rt->fib6_src)) {
		BPF_CORE_READ_INTO(&r.src, rt, fib6_src.addr);
		r.src_len = rt->fib6_src.plen;
	}
	r.metric = rt->fib6_metric;
	r.refs = rt->fib6_ref.refs.counter;
	r.flags = rt->fib6_flags;

	hop = (void *)rt + bpf_core_field_offset(struct fib6_info, fib6_nh);
	nh = rt->nh;
	if (nh) {
		/* nexthop_fib6_nh(): of a group, its first member. */
		if (nh->is_group) {
			struct nexthop *first = 0;

			bpf_probe_read_kernel(&first, sizeof(first),
					      (void *)nh->nh_grp + bpf_core_field_offset(struct nh_group, nh_entries) +
					      bpf_core_field_offset(struct nh_grp_entry, nh));
			hop = BPF_CORE_READ(first, nh_info);
		} else {
			hop = nh->nh_info;
		}
		hop += bpf_core_field_offset(struct nh_info, fib6_nh);
	}
	if (BPF_CORE_READ((struct fib6_nh *)hop, nh_common.nhc_gw_family)) {
		r.flags |= RTF_GATEWAY;
		BPF_CORE_READ_INTO(&r.gateway, (struct fib6_nh *)hop, nh_common.nhc_gw.ipv6);
	}
	dev = BPF_CORE_READ((struct fib6_nh *)hop, nh_common.nhc_dev);
	if (dev)
		BPF_CORE_READ_STR_INTO(&r.dev, dev, name);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
