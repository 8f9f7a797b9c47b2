/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tables of sockets tell about one, of whatever family. */
#ifndef ITERFS_SOCKET_H
#define ITERFS_SOCKET_H

#include "sock.h"
#include "unix.h"

struct socket_record {
	u64 ino; /* 0: no process has it */
	u64 peer; /* inode of a unix socket's other end */
	/* IP: in the order of the net, of IPv4 the first alone; netlink: port; group and port */
	u32 local[4], remote[4];
	u32 rx_queue, tx_queue;
	u32 uid;
	u32 netns;
	u32 ifindex; /* of the device that it is bound to */
	u32 name_length; /* of a unix socket: a struct socket_name is behind the record */
	u16 local_port, remote_port;
	u16 family, type, protocol;
	u8 state;
	u8 v6only;
	u8 no_user; /* nobody's: in TIME_WAIT */
	u8 first;   /* of a read; unix alone */
	u16 bucket; /* of the kernel's table; unix alone */
};

struct socket_name {
	u8 name[UNIX_NAME_MAX];
	u32 pad;
};

#define UNKNOWN_QUEUE 0xffffffff

/* What all that are in a hash table have, those in TIME_WAIT and SYN_RECV too. */
static __always_inline void describe_common(struct socket_record *r, struct sock_common *c)
{
	r->family = BPF_CORE_READ(c, skc_family);
	r->state = BPF_CORE_READ(c, skc_state);
	r->netns = BPF_CORE_READ(c, skc_net.net, ns.inum);
	switch (r->family) {
	case AF_INET:
		r->local[0] = BPF_CORE_READ(c, skc_rcv_saddr);
		r->remote[0] = BPF_CORE_READ(c, skc_daddr);
		break;
	case AF_INET6:
		read_ipv6(r->local, r->remote, c);
		r->v6only = BPF_CORE_READ_BITFIELD_PROBED(c, skc_ipv6only);
		break;
	default:
		return;
	}
	r->ifindex = BPF_CORE_READ(c, skc_bound_dev_if);
	r->local_port = BPF_CORE_READ(c, skc_num);
	r->remote_port = bpf_ntohs(BPF_CORE_READ(c, skc_dport));
}

static __always_inline void describe_unix(struct socket_record *r, struct unix_sock *u)
{
	struct sock *peer = BPF_CORE_READ(u, peer);

	if (!peer)
		return;
	r->peer = sock_ino(peer);
	/* As long as it is the peer its memory is not another's. */
	if (BPF_CORE_READ(u, peer) != peer)
		r->peer = 0;
}

static __always_inline void describe_netlink(struct socket_record *r, struct netlink_sock *nlk)
{
	r->local[0] = BPF_CORE_READ(nlk, portid);
	r->remote[0] = BPF_CORE_READ(nlk, dst_group);
	r->remote[1] = BPF_CORE_READ(nlk, dst_portid);
}

/* Of a whole socket, to which the verifier may know the pointer or not. */
static __always_inline void describe(struct socket_record *r, struct sock *sk)
{
	describe_common(r, &sk->__sk_common);
	r->type = BPF_CORE_READ(sk, sk_type);
	r->protocol = BPF_CORE_READ(sk, sk_protocol);
	r->ino = sock_ino(sk);
	if (r->family == AF_NETLINK)
		describe_netlink(r, (struct netlink_sock *)sk);
	else if (r->family == AF_UNIX && bpf_core_type_exists(struct unix_sock))
		describe_unix(r, (struct unix_sock *)sk);
}

static __always_inline void write_socket(struct seq_file *seq, struct socket_record *r, struct sock *sk)
{
	struct socket_name n = {};

	if (r->family == AF_UNIX && bpf_core_type_exists(struct unix_sock))
		r->name_length = unix_name(n.name, (struct unix_sock *)sk);
	bpf_seq_write(seq, r, sizeof(*r));
	if (r->name_length)
		bpf_seq_write(seq, &n, sizeof(n));
}

#endif
