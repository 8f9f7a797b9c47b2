// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/netlink: one record a socket, with what netlink_native_seq_show() of net/netlink/af_netlink.c prints. */
#include "sock/sock.h"
#include "sock/socket.h"

struct bpf_iter__netlink {
	struct bpf_iter_meta *meta;
	struct netlink_sock *sk;
} KERNEL_TYPE;

struct netlink_record {
	u64 ino;
	u32 portid;
	u32 groups; /* the first 32 that it is a member of */
	s32 rmem, wmem;
	u32 refs;
	u32 drops;
	u16 protocol;
	u8 dumping;
	u8 pad[5];
};
EXPORT_RECORD(netlink_record);
EXPORT_RECORD(socket_record);

SEC("iter/netlink")
int netlink_records(struct bpf_iter__netlink *ctx)
{
	struct netlink_sock *nlk = ctx->sk;
	struct netlink_record r = {};
	struct sock *sk;

	if (!nlk)
		return 0;
	sk = &nlk->sk;
	r.protocol = sk->sk_protocol;
	r.portid = nlk->portid;
	if (nlk->groups) {
		unsigned long groups = 0;

		bpf_probe_read_kernel(&groups, sizeof(groups), nlk->groups);
		r.groups = groups;
	}
	r.rmem = sk->sk_backlog.rmem_alloc.counter;
	r.wmem = sock_wmem(sk);
	r.dumping = nlk->cb_running;
	r.refs = sk->__sk_common.skc_refcnt.refs.counter;
	r.drops = sock_drops(sk);
	r.ino = sock_ino(sk);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	write_pointer(ctx->meta->seq, nlk);
	return 0;
}

SEC("iter/netlink")
int socket_records(struct bpf_iter__netlink *ctx)
{
	struct netlink_sock *nlk = ctx->sk;
	struct socket_record r = {};

	if (!nlk)
		return 0;
	describe(&r, &nlk->sk);
	r.uid = nlk->sk.sk_uid.val;
	r.rx_queue = nlk->sk.sk_backlog.rmem_alloc.counter;
	r.tx_queue = sock_wmem(&nlk->sk);
	write_socket(ctx->meta->seq, &r, &nlk->sk);
	return 0;
}
