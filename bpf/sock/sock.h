/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets as the kernel has them: what the programs of several targets read. */
#ifndef ITERFS_SOCK_H
#define ITERFS_SOCK_H

#include "iter.h"
#include <bpf/bpf_endian.h>

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16

#define SOCK_STREAM 1
#define SOCK_DGRAM 2

#define IPPROTO_TCP 6

enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_RECV = 3,
	TCP_TIME_WAIT = 6,
	TCP_LISTEN = 10,
	TCP_NEW_SYN_RECV = 12,
};

typedef struct {
	atomic_t refs;
} refcount_t;

typedef struct {
	u32 val;
} kuid_t;

struct hlist_node {
	struct hlist_node *next, **pprev;
} KERNEL_TYPE;

struct timer_list {
	struct hlist_node entry;
	unsigned long expires;
} KERNEL_TYPE;

struct ns_common {
	u32 inum;
} KERNEL_TYPE;

struct udp_table {
	u32 mask;
} KERNEL_TYPE;

struct netns_ipv4 {
	struct udp_table *udp_table;
	u8 sysctl_tcp_pingpong_thresh;
} KERNEL_TYPE;

struct net {
	struct ns_common ns;
	u32 hash_mix;
	struct netns_ipv4 ipv4;
} KERNEL_TYPE;

typedef struct {
	struct net *net;
} possible_net_t;

struct proto {
	union {
		struct udp_table *udp_table;
	} h;
} KERNEL_TYPE;

struct in6_addr {
	u32 words[4];
};

struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	u32 skc_hash;
	u16 skc_u16hashes[2];
	__be16 skc_dport;
	u16 skc_num;
	u16 skc_family;
	u8 skc_state;
	u8 skc_ipv6only : 1;
	int skc_bound_dev_if;
	struct proto *skc_prot;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
	struct hlist_node skc_node;
	atomic64_t skc_cookie;
	refcount_t skc_refcnt;
} KERNEL_TYPE;

struct inode___sock {
	unsigned long i_ino;
} KERNEL_TYPE;

struct socket {
	struct sock *sk;
} KERNEL_TYPE;

struct socket_alloc {
	struct inode___sock vfs_inode;
} KERNEL_TYPE;

struct sk_buff {
	struct sk_buff *next;
	u32 len;
	char cb[48];
} KERNEL_TYPE;

struct sk_buff_head {
	struct sk_buff *next;
	u32 qlen;
} KERNEL_TYPE;

struct numa_drop_counters {
	atomic_t drops0, drops1;
} KERNEL_TYPE;

struct sock {
	struct sock_common __sk_common;
	atomic_t sk_drops;
	struct numa_drop_counters *sk_drop_counters;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	refcount_t sk_wmem_alloc;
	struct sk_buff_head sk_receive_queue;
	struct socket *sk_socket;
	struct timer_list sk_timer;
	struct timer_list tcp_retransmit_timer;
	u32 sk_ack_backlog, sk_max_ack_backlog;
	kuid_t sk_uid;
	u16 sk_type, sk_protocol;
	u64 sk_ino;
} KERNEL_TYPE;

struct netlink_sock {
	struct sock sk;
	u32 portid, dst_portid, dst_group;
	unsigned long *groups;
	_Bool cb_running;
} KERNEL_TYPE;

/* 5d6b58c932ec ("net: lockless sock_i_ino()"), 6.17: until then only the socket's file had the number. */
static __always_inline u64 sock_ino(struct sock *sk)
{
	struct socket_alloc *socket;

	if (bpf_core_field_exists(sk->sk_ino))
		return BPF_CORE_READ(sk, sk_ino);
	socket = (void *)BPF_CORE_READ(sk, sk_socket);
	return socket ? BPF_CORE_READ(socket, vfs_inode.i_ino) : 0;
}

/* c51613fa276f ("net: add sk->sk_drop_counters"), 6.18 */
static __always_inline u32 sock_drops(struct sock *sk)
{
	if (bpf_core_field_exists(sk->sk_drop_counters) && sk->sk_drop_counters)
		return sk->sk_drop_counters->drops0.counter + sk->sk_drop_counters->drops1.counter;
	return sk->sk_drops.counter;
}

/* The addresses of a socket of IPv6, which a kernel may lack. */
static __always_inline void read_ipv6(u32 *local, u32 *remote, struct sock_common *c)
{
	if (bpf_core_field_exists(c->skc_v6_daddr)) {
		BPF_CORE_READ_INTO((struct in6_addr *)local, c, skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)remote, c, skc_v6_daddr);
	}
}

/* Both ends of a socket of IP. */
struct ends {
	u32 local[4], remote[4]; /* in the order of the net; of IPv4 the first alone */
	u16 local_port, remote_port;
};

static __always_inline void fill_ends(struct ends *e, struct sock_common *c, u16 family)
{
	e->local_port = c->skc_num;
	e->remote_port = bpf_ntohs(c->skc_dport);
	if (family == AF_INET) {
		e->local[0] = c->skc_rcv_saddr;
		e->remote[0] = c->skc_daddr;
	} else {
		read_ipv6(e->local, e->remote, c);
	}
}

/* Bytes that were sent and are not gone: sk_wmem_alloc_get(). */
static __always_inline u32 sock_wmem(struct sock *sk)
{
	return sk->sk_wmem_alloc.refs.counter - 1;
}

/*
 * References without the iterator's own: one that collects the sockets of a hash
 * bucket before it shows them, which its state in the kernel's BTF tells, holds
 * each of them.
 */
#define REFS_OF_OTHERS(common, state) ((common)->skc_refcnt.refs.counter - bpf_core_type_exists(state))

/* %pK prints as many characters on every 64-bit kernel, "(____ptrval____)" included. */
#define POINTER_SIZE 16

/*
 * Behind a record, the socket's address as procfs prints it: a hash that the
 * kernel alone can make.
 */
static __always_inline void write_pointer(struct seq_file *seq, void *sk)
{
	char format[] = "%pK", none[POINTER_SIZE] = {};
	u64 address = (u64)sk;

	if (bpf_seq_printf(seq, format, sizeof(format), &address, sizeof(address)) < 0)
		bpf_seq_write(seq, none, sizeof(none));
}

#endif
