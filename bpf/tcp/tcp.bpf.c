// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/tcp: one record a socket, with what tcp4_seq_show() and tcp6_seq_show() print. */
#include "kernel.h"
#include "sock/socket.h"

struct tcp_record {
	u64 ino;
	struct ends ends;
	u32 tx_queue, rx_queue;
	u32 timeout; /* jiffies until the timer is due */
	u32 uid;
	u32 refs;
	u32 rto, ato; /* jiffies */
	u32 cwnd;
	s32 ssthresh;
	u16 quick;
	u8 state, timer, retransmits, probes;
	u8 full; /* a whole socket: not one in TIME_WAIT or SYN_RECV */
	u8 pad;
};
EXPORT_RECORD(tcp_record);
EXPORT_RECORD(socket_record);

static __always_inline u32 until(unsigned long expires)
{
	s64 left = expires - bpf_jiffies64();

	return left > 0 ? left : 0;
}

static __always_inline void fill_timer(struct tcp_record *r, struct inet_connection_sock *icsk)
{
	unsigned long keepalive;

	switch (icsk->icsk_pending) {
	case ICSK_TIME_RETRANS:
	case ICSK_TIME_LOSS_PROBE:
	case ICSK_TIME_REO_TIMEOUT:
		r->timer = 1;
		r->timeout = until(retransmit_expires(icsk));
		return;
	case ICSK_TIME_PROBE0:
		r->timer = 4;
		r->timeout = until(retransmit_expires(icsk));
		return;
	}
	keepalive = keepalive_expires(icsk);
	if (keepalive) {
		r->timer = 2;
		r->timeout = until(keepalive);
	}
}

static __always_inline u32 unread(struct tcp_sock *tp)
{
	s32 n = tp->rcv_nxt - tp->copied_seq;

	return n > 0 ? n : 0;
}

/* get_tcp4_sock() */
static __always_inline void fill_full(struct tcp_record *r, struct tcp_sock *tp)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	struct sock *sk = &icsk->icsk_inet.sk;

	r->full = 1;
	fill_timer(r, icsk);
	r->tx_queue = tp->write_seq - tp->snd_una;
	r->rx_queue = r->state == TCP_LISTEN ? sk->sk_ack_backlog : unread(tp);
	r->retransmits = icsk->icsk_retransmits;
	r->probes = icsk->icsk_probes_out;
	r->ino = sock_ino(sk);
	r->rto = icsk->icsk_rto;
	r->ato = BPF_CORE_READ_BITFIELD(icsk, icsk_ack.ato);
	r->quick = icsk->icsk_ack.quick << 1 | (icsk->icsk_ack.pingpong >= pingpong_threshold(&sk->__sk_common));
	r->cwnd = tp->snd_cwnd;
	if (r->state == TCP_LISTEN)
		r->ssthresh = icsk->icsk_accept_queue.fastopenq.max_qlen;
	else
		r->ssthresh = tp->snd_ssthresh >= TCP_INFINITE_SSTHRESH ? -1 : tp->snd_ssthresh;
}

static __always_inline int write_record(struct bpf_iter__tcp *ctx, u16 family)
{
	struct sock_common *c = ctx->sk_common;
	struct tcp_timewait_sock *tw;
	struct tcp_request_sock *req;
	struct tcp_record r = {};
	struct tcp_sock *tp;

	if (!c || c->skc_family != family)
		return 0;
	r.state = c->skc_state;
	r.uid = ctx->uid;
	r.refs = REFS_OF_OTHERS(c, struct bpf_tcp_iter_state);
	fill_ends(&r.ends, c, family);
	switch (r.state) {
	case TCP_TIME_WAIT: /* get_timewait4_sock() */
		tw = bpf_skc_to_tcp_timewait_sock(c);
		if (!tw)
			return 0;
		r.state = tw->tw_sk.tw_substate;
		r.timer = 3;
		r.timeout = until(tw->tw_sk.tw_timer.expires);
		r.uid = 0;
		break;
	case TCP_NEW_SYN_RECV: /* get_openreq4() */
		req = bpf_skc_to_tcp_request_sock(c);
		if (!req)
			return 0;
		r.state = TCP_SYN_RECV;
		r.timer = 1;
		r.timeout = until(req->req.req.rsk_timer.expires);
		r.retransmits = BPF_CORE_READ_BITFIELD(&req->req.req, num_timeout);
		r.refs = 0;
		break;
	default:
		tp = bpf_skc_to_tcp_sock(c);
		if (!tp)
			return 0;
		fill_full(&r, tp);
	}
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	write_pointer(ctx->meta->seq, c);
	return 0;
}

SEC("iter/tcp")
int tcp4_records(struct bpf_iter__tcp *ctx)
{
	return write_record(ctx, AF_INET);
}

SEC("iter/tcp")
int tcp6_records(struct bpf_iter__tcp *ctx)
{
	return write_record(ctx, AF_INET6);
}

/* Of both families. A listener's queues are what waits to be accepted, and how much may. */
SEC("iter/tcp")
int socket_records(struct bpf_iter__tcp *ctx)
{
	struct sock_common *c = ctx->sk_common;
	struct socket_record r = {};
	struct tcp_timewait_sock *tw;
	struct tcp_sock *tp;
	struct sock *sk = 0;

	if (!c)
		return 0;
	r.uid = ctx->uid;
	switch (c->skc_state) {
	case TCP_TIME_WAIT:
		tw = bpf_skc_to_tcp_timewait_sock(c);
		if (!tw)
			return 0;
		describe_common(&r, c);
		r.state = tw->tw_sk.tw_substate;
		r.no_user = 1;
		break;
	case TCP_NEW_SYN_RECV:
		describe_common(&r, c);
		r.state = TCP_SYN_RECV;
		break;
	default:
		tp = bpf_skc_to_tcp_sock(c);
		if (!tp)
			return 0;
		sk = &tp->inet_conn.icsk_inet.sk;
		describe(&r, sk);
		r.tx_queue = tp->write_seq - tp->snd_una;
		r.rx_queue = unread(tp);
		if (r.state == TCP_LISTEN) {
			r.rx_queue = sk->sk_ack_backlog;
			r.tx_queue = sk->sk_max_ack_backlog;
		}
	}
	r.type = SOCK_STREAM;
	r.protocol = IPPROTO_TCP;
	write_socket(ctx->meta->seq, &r, sk);
	return 0;
}
