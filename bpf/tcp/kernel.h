/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's types for TCP sockets, with the fields that are read, and one
 * accessor for each field that has moved.
 */
#ifndef ITERFS_TCP_KERNEL_H
#define ITERFS_TCP_KERNEL_H

#include "sock/sock.h"

enum {
	ICSK_TIME_RETRANS = 1,
	ICSK_TIME_PROBE0 = 3,
	ICSK_TIME_LOSS_PROBE = 5,
	ICSK_TIME_REO_TIMEOUT = 6,
};

#define TCP_INFINITE_SSTHRESH 0x7fffffff

struct inet_sock {
	struct sock sk;
} KERNEL_TYPE;

struct fastopen_queue {
	int max_qlen;
} KERNEL_TYPE;

struct request_sock_queue {
	struct fastopen_queue fastopenq;
} KERNEL_TYPE;

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue;
	unsigned long icsk_timeout;
	struct timer_list icsk_retransmit_timer;
	struct timer_list icsk_keepalive_timer;
	u32 icsk_rto;
	u8 icsk_retransmits;
	u8 icsk_pending;
	u8 icsk_probes_out;
	struct {
		u8 quick;
		u8 pingpong;
		u32 ato : 8;
	} icsk_ack;
} KERNEL_TYPE;

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u32 rcv_nxt, copied_seq, snd_una, write_seq;
	u32 snd_ssthresh, snd_cwnd;
} KERNEL_TYPE;

struct inet_timewait_sock {
	u8 tw_substate;
	struct timer_list tw_timer;
} KERNEL_TYPE;

struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
} KERNEL_TYPE;

struct request_sock {
	u8 num_timeout : 7;
	struct timer_list rsk_timer;
} KERNEL_TYPE;

struct inet_request_sock {
	struct request_sock req;
} KERNEL_TYPE;

struct tcp_request_sock {
	struct inet_request_sock req;
} KERNEL_TYPE;

struct bpf_tcp_iter_state {
	u32 cur_sk;
} KERNEL_TYPE;

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
	u32 uid;
} KERNEL_TYPE;

/*
 * a7c428ee8f59 ("tcp/dccp: remove icsk->icsk_timeout"), 6.15;
 * 9a5e5334adc0 ("tcp: remove icsk->icsk_retransmit_timer"), 6.19
 */
static __always_inline unsigned long retransmit_expires(struct inet_connection_sock *icsk)
{
	if (bpf_core_field_exists(icsk->icsk_timeout))
		return icsk->icsk_timeout;
	if (bpf_core_field_exists(icsk->icsk_retransmit_timer))
		return icsk->icsk_retransmit_timer.expires;
	return icsk->icsk_inet.sk.tcp_retransmit_timer.expires;
}

/*
 * 0 when it does not run.
 * 08dfe370239e ("tcp: introduce icsk->icsk_keepalive_timer"), 6.19 and in stable releases before
 */
static __always_inline unsigned long keepalive_expires(struct inet_connection_sock *icsk)
{
	if (bpf_core_field_exists(icsk->icsk_keepalive_timer))
		return icsk->icsk_keepalive_timer.entry.pprev ? icsk->icsk_keepalive_timer.expires : 0;
	return icsk->icsk_inet.sk.sk_timer.entry.pprev ? icsk->icsk_inet.sk.sk_timer.expires : 0;
}

/* 562b1fdf061b ("tcp: Set pingpong threshold via sysctl"), 6.7; 1 before, as it is by default */
static __always_inline u8 pingpong_threshold(struct sock_common *c)
{
	if (bpf_core_field_exists(c->skc_net.net->ipv4.sysctl_tcp_pingpong_thresh))
		return c->skc_net.net->ipv4.sysctl_tcp_pingpong_thresh;
	return 1;
}

#endif
