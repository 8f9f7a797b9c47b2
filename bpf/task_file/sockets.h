/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Open sockets. */
#ifndef ITERFS_TASK_FILE_SOCKETS_H
#define ITERFS_TASK_FILE_SOCKETS_H

#include "records.h"
#include "sock/socket.h"

/* A process and its descriptor, before the record of the socket. */
struct socket_holder {
	u32 tgid; /* as the reader numbers it */
	u32 native_tgid;
	u32 fd;
	u32 pad;
	u64 start; /* of the process, ns after boot */
	char comm[16];
};

struct socket_owner {
	u64 ino;
	u32 netns;
	u32 tgid;
};

/*
 * The socket behind a descriptor of a process, as in /proc/<pid>/fd; 0 for other
 * files, and for the visit that ends a run. The files of sockets have a filesystem of their own, which tells them on
 * kernels without bpf_sock_from_file() too.
 */
static __always_inline struct sock *open_socket(struct task_struct *t, struct file *f)
{
	struct socket *socket;

	if (!t || !f || t->pid != t->tgid || f->f_inode->i_sb->s_magic != SOCKFS_MAGIC)
		return 0;
	socket = f->private_data;
	return BPF_CORE_READ(socket, sk);
}

#endif
