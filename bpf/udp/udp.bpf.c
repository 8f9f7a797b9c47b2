// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/udp: one record a socket, with what udp4_seq_show() and udp6_seq_show() print. */
#include "sock/sock.h"
#include "sock/socket.h"

struct inet_sock {
	struct sock sk;
} KERNEL_TYPE;

struct udp_sock {
	struct inet_sock inet;
	int forward_deficit;
} KERNEL_TYPE;

struct bpf_udp_iter_state {
	u32 cur_sk;
} KERNEL_TYPE;

struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
	u32 uid __attribute__((aligned(8)));
} KERNEL_TYPE;

struct udp_record {
	u64 ino;
	u64 self, next; /* places in the bucket's list; see next_in_bucket() */
	struct ends ends;
	u32 bucket;
	u32 tx_queue, rx_queue;
	u32 uid;
	u32 refs;
	u32 drops;
	u8 state;
	u8 pad[3];
};
EXPORT_RECORD(udp_record);
EXPORT_RECORD(socket_record);

/* ba6aac151677 ("udp: Access &udp_table via net."), 6.2 */
static __always_inline u32 table_mask(struct sock_common *c)
{
	if (bpf_core_field_exists(c->skc_net.net->ipv4.udp_table))
		return c->skc_net.net->ipv4.udp_table->mask;
	return c->skc_prot->h.udp_table->mask;
}

/* As many sockets of other files may stand between two of one in a bucket. */
#define MAX_OTHERS 256

/*
 * The files in procfs walk the table by port. So did the iterator before it
 * collected buckets; since then it walks the one by address and port. In which
 * order a bucket of the former has the sockets, each tells by the one behind it,
 * among those of its family and namespace.
 */
static __always_inline u64 next_in_bucket(struct sock_common *c)
{
	struct hlist_node *node = c->skc_node.next;

	for (int i = 0; i < MAX_OTHERS; i++) {
		struct sock_common *next = (void *)node - bpf_core_field_offset(struct sock_common, skc_node);

		if (!node)
			break;
		if (BPF_CORE_READ(next, skc_family) == c->skc_family &&
		    (u64)BPF_CORE_READ(next, skc_net.net) == (u64)c->skc_net.net)
			return (u64)next;
		node = BPF_CORE_READ(next, skc_node.next);
	}
	return 0;
}

/* udp_rqueue_get() */
static __always_inline u32 unread(struct udp_sock *up)
{
	return up->inet.sk.sk_backlog.rmem_alloc.counter - up->forward_deficit;
}

static __always_inline int write_record(struct bpf_iter__udp *ctx, u16 family)
{
	struct udp_sock *up = ctx->udp_sk;
	struct udp_record r = {};
	struct sock_common *c;
	struct sock *sk;

	if (!up)
		return 0;
	sk = &up->inet.sk;
	c = &sk->__sk_common;
	if (c->skc_family != family)
		return 0;
	r.bucket = (c->skc_u16hashes[0] + c->skc_net.net->hash_mix) & table_mask(c);
	if (bpf_core_type_exists(struct bpf_udp_iter_state)) {
		r.self = (u64)c;
		r.next = next_in_bucket(c);
	}
	fill_ends(&r.ends, c, family);
	r.state = c->skc_state;
	r.tx_queue = sock_wmem(sk);
	r.rx_queue = unread(up);
	r.uid = ctx->uid;
	r.ino = sock_ino(sk);
	r.refs = REFS_OF_OTHERS(c, struct bpf_udp_iter_state);
	r.drops = sock_drops(sk);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	write_pointer(ctx->meta->seq, c);
	return 0;
}

SEC("iter/udp")
int udp4_records(struct bpf_iter__udp *ctx)
{
	return write_record(ctx, AF_INET);
}

SEC("iter/udp")
int udp6_records(struct bpf_iter__udp *ctx)
{
	return write_record(ctx, AF_INET6);
}

SEC("iter/udp")
int socket_records(struct bpf_iter__udp *ctx)
{
	struct udp_sock *up = ctx->udp_sk;
	struct socket_record r = {};

	if (!up)
		return 0;
	describe(&r, &up->inet.sk);
	r.uid = ctx->uid;
	r.tx_queue = sock_wmem(&up->inet.sk);
	r.rx_queue = unread(up);
	write_socket(ctx->meta->seq, &r, &up->inet.sk);
	return 0;
}
