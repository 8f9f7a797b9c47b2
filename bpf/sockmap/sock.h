/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What maps of sockets read of a socket. */
#ifndef ITERFS_SOCKMAP_SOCK_H
#define ITERFS_SOCKMAP_SOCK_H

struct in6_addr {
	u8 addr[16];
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
} KERNEL_TYPE;

struct socket {
	short type;
} KERNEL_TYPE;

struct inode {
	unsigned long i_ino;
} KERNEL_TYPE;

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
} KERNEL_TYPE;

struct sock {
	struct sock_common __sk_common;
	u16 sk_type;
	u16 sk_protocol;
	struct socket *sk_socket;
	u64 sk_ino;
} KERNEL_TYPE;

/* sock_i_ino(), 0 for a socket that no file is of; sk->sk_ino since 5d6b58c932ec (6.17) */
static __always_inline u64 sock_ino(struct sock *sk)
{
	struct socket *socket;

	if (bpf_core_field_exists(sk->sk_ino))
		return sk->sk_ino;
	socket = sk->sk_socket;
	if (!socket)
		return 0;
	return BPF_CORE_READ((struct socket_alloc *)((void *)socket - bpf_core_field_offset(struct socket_alloc, socket)),
			     vfs_inode.i_ino);
}

#endif
