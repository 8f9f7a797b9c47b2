// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/sockmap: for each element of a sockmap or sockhash its key, then a record of its socket. */
#include "sock/sock.h"

const volatile u32 key_size = 4;

struct bpf_iter__sockmap {
	struct bpf_iter_meta *meta;
	void *key;
	struct sock *sk;
} KERNEL_TYPE;

struct socket_record {
	u64 ino;
	u64 cookie;
	struct ends ends;
	u16 family;
	u16 type;
	u16 protocol;
	u16 state;
	u32 pad;
};
EXPORT_RECORD(socket_record);

SEC("iter/sockmap")
int socket_records(struct bpf_iter__sockmap *ctx)
{
	struct socket_record r = {};
	struct sock *sk = ctx->sk;
	void *key = ctx->key;

	if (!key || !sk) /* the end, and each free place of a sockmap */
		return 0;
	r.ino = sock_ino(sk);
	r.cookie = sk->__sk_common.skc_cookie.counter;
	r.family = sk->__sk_common.skc_family;
	r.type = sk->sk_type;
	r.protocol = sk->sk_protocol;
	r.state = sk->__sk_common.skc_state;
	if (r.family == AF_INET || r.family == AF_INET6)
		fill_ends(&r.ends, &sk->__sk_common, r.family);
	bpf_seq_write(ctx->meta->seq, key, key_size);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
