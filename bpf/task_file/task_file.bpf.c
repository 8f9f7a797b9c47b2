// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/task_file: the open files of processes. */
#include "records.h"
#include "sockets.h"

EXPORT_RECORD(head);
EXPORT_RECORD(reader);
EXPORT_RECORD(file_record);
EXPORT_RECORD(socket_record);
EXPORT_RECORD(socket_holder);
EXPORT_RECORD(socket_owner);

#define ANON_INODE_FS_MAGIC 0x09041934
#define PID_FS_MAGIC 0x50494446
#define PIPEFS_MAGIC 0x50495045

#define FMODE_READ 1
#define FMODE_WRITE 2
#define ACCESS_PATH 4
#define O_PATH 010000000

static __always_inline u16 file_kind(struct file *f)
{
	switch (f->f_inode->i_sb->s_magic) {
	case SOCKFS_MAGIC:
		return KIND_SOCKET;
	case PIPEFS_MAGIC:
		return KIND_PIPE;
	case ANON_INODE_FS_MAGIC:
	case PID_FS_MAGIC:
		return KIND_ANONYMOUS;
	}
	return KIND_ORDINARY;
}

/*
 * One record an open file of each process, as in /proc/<pid>/fd. The iterator
 * also visits threads that do not share the files of their process, or all
 * threads of a process whose first has ended; that directory shows neither.
 */
SEC("iter/task_file")
int file_records(struct bpf_iter__task_file *ctx)
{
	struct task_struct *t = ctx->task;
	struct file *f = ctx->file;
	struct {
		struct file_record r;
		char path[SHORT_PATH];
	} out = {};
	struct reader *reader = reader_of_files(t);
	struct file_record *r = &out.r;
	_Bool named;

	if (!f || !reader)
		return 0;
	fill_head(&r->head, t, reader);
	r->pos = f->f_pos;
	r->ino = f->f_inode->i_ino;
	r->fd = ctx->fd;
	r->dev = f->f_inode->i_sb->s_dev;
	r->type = f->f_inode->i_mode;
	r->kind = file_kind(f);
	r->access = f->f_mode & (FMODE_READ | FMODE_WRITE);
	if (f->f_flags & O_PATH)
		r->access |= ACCESS_PATH;
	/* The names of sockets and pipes are their numbers. */
	named = r->kind != KIND_SOCKET && r->kind != KIND_PIPE;
	write_with_path(ctx->meta->seq, &r->head, sizeof(*r), &r->path_length, named ? &f->f_path : 0);
	return 0;
}

/* One record a socket that a process has open, whatever its family and namespace. */
SEC("iter/task_file")
int socket_records(struct bpf_iter__task_file *ctx)
{
	struct task_struct *t = ctx->task;
	struct file *f = ctx->file;
	struct sock *sk = open_socket(t, f);
	struct socket_holder h = {};
	struct socket_record r = {};
	struct reader *reader;

	if (!sk)
		return 0;
	reader = reader_of_files(t);
	if (!reader)
		return 0;
	h.tgid = NUMBER(t, reader, tgid, tgid);
	h.native_tgid = NUMBER(t, reader, native_tgid, tgid);
	h.start = t->start_boottime;
	h.fd = ctx->fd;
	bpf_probe_read_kernel(h.comm, sizeof(h.comm), t->comm);
	describe(&r, sk);
	bpf_seq_write(ctx->meta->seq, &h, sizeof(h));
	write_socket(ctx->meta->seq, &r, sk);
	return 0;
}

/* Who has a socket open: what a table of sockets is joined with. */
SEC("iter/task_file")
int socket_owners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *t = ctx->task;
	struct file *f = ctx->file;
	struct sock *sk = open_socket(t, f);
	struct socket_owner o = {};
	struct reader *reader;

	if (!sk)
		return 0;
	reader = reader_of_files(t);
	if (!reader)
		return 0;
	o.ino = f->f_inode->i_ino;
	o.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	o.tgid = NUMBER(t, reader, tgid, tgid);
	bpf_seq_write(ctx->meta->seq, &o, sizeof(o));
	return 0;
}
