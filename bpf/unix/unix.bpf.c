// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/unix: one record a socket, with what unix_seq_show() of net/unix/af_unix.c prints. */
#include "sock/sock.h"
#include "sock/socket.h"

struct bpf_unix_iter_state {
	u32 cur_sk;
} KERNEL_TYPE;

struct bpf_iter__unix {
	struct bpf_iter_meta *meta;
	struct unix_sock *unix_sk;
	u32 uid;
} KERNEL_TYPE;

struct unix_skb_parms {
	u32 consumed;
} KERNEL_TYPE;

struct seq_file {
	unsigned long count;
} KERNEL_TYPE;

struct unix_record {
	u64 ino;
	u32 refs;
	u32 size; /* with the name, without the pointer; a multiple of 8 */
	u16 type;
	u16 bucket;
	u8 first; /* of a read */
	u8 state;
	u8 attached; /* to a struct socket: neither closed nor to be accepted */
	u8 length;   /* of the name behind it, without the NUL that ends a path */
};
EXPORT_RECORD(unix_record);
EXPORT_RECORD(socket_record);

/* The buckets of the kernel's table that a run is to show. */
#define BUCKETS 512

struct wanted {
	u64 buckets[BUCKETS / 64];
};
ARGS(wanted)

static __always_inline _Bool is_wanted(u32 bucket)
{
	struct wanted *w = args_of_run();

	return w && w->buckets[bucket / 64] >> bucket % 64 & 1;
}

/*
 * 855d8e77ffbe ("bpf: af_unix: Use batching algorithm in bpf unix iter."), 5.18:
 * what whole.go mends. Before, all is taken for one bucket.
 */
static __always_inline _Bool collects_buckets(void)
{
	return bpf_core_type_exists(struct bpf_unix_iter_state);
}

/* e6b4b873896f ("af_unix: Save hash in sk_hash."), 5.17 */
static __always_inline u32 bucket_of(struct unix_sock *u)
{
	return collects_buckets() ? u->sk.__sk_common.skc_hash % BUCKETS : 0;
}

/* Whether the record that comes next is the first of a read. */
static __always_inline _Bool begins_read(struct seq_file *seq)
{
	return collects_buckets() && !seq->count;
}

#define NAME_ROOM 0x78 /* for UNIX_NAME_MAX rounded up, and a mask for the verifier */

SEC("iter/unix")
int unix_records(struct bpf_iter__unix *ctx)
{
	struct unix_sock *u = ctx->unix_sk;
	struct {
		struct unix_record r;
		u8 name[NAME_ROOM];
	} out = {};
	struct unix_record *r = &out.r;

	if (!u || !is_wanted(bucket_of(u)))
		return 0;
	r->bucket = bucket_of(u);
	r->first = begins_read(ctx->meta->seq);
	r->ino = sock_ino(&u->sk);
	r->refs = REFS_OF_OTHERS(&u->sk.__sk_common, struct bpf_unix_iter_state);
	r->type = u->sk.sk_type;
	r->state = u->sk.__sk_common.skc_state;
	r->attached = !!u->sk.sk_socket;
	r->length = unix_name(out.name, u);
	r->size = sizeof(*r) + ((r->length + 7) & NAME_ROOM);
	bpf_seq_write(ctx->meta->seq, r, r->size);
	write_pointer(ctx->meta->seq, u);
	return 0;
}

static __always_inline u32 unread_of(struct sk_buff *skb)
{
	struct unix_skb_parms *parms = (void *)skb + bpf_core_field_offset(struct sk_buff, cb);

	return BPF_CORE_READ(skb, len) - BPF_CORE_READ(parms, consumed);
}

/* More messages than this are not added up. */
#define MAX_MESSAGES 512

/*
 * unix_inq_len(): all that waits, or of datagrams the first.
 * f4e1fb04c123 ("af_unix: Use cached value for SOCK_STREAM in unix_inq_len()."), 6.17
 */
static __always_inline u32 unread(struct unix_sock *u)
{
	void *head = (void *)&u->sk + bpf_core_field_offset(struct sock, sk_receive_queue);
	struct sk_buff *skb = u->sk.sk_receive_queue.next;
	u32 bytes = 0;

	if (u->sk.sk_type == SOCK_STREAM && bpf_core_field_exists(u->inq_len))
		return u->inq_len;
	for (int i = 0; i < MAX_MESSAGES; i++) {
		if (!skb || skb == head)
			return bytes;
		bytes += unread_of(skb);
		if (u->sk.sk_type == SOCK_DGRAM)
			return bytes;
		skb = BPF_CORE_READ(skb, next);
	}
	return UNKNOWN_QUEUE;
}

/* Of a listener as ss has it: what waits to be accepted, and how much may. */
SEC("iter/unix")
int socket_records(struct bpf_iter__unix *ctx)
{
	struct unix_sock *u = ctx->unix_sk;
	struct socket_record r = {};

	if (!u || !is_wanted(bucket_of(u)))
		return 0;
	describe(&r, &u->sk);
	r.bucket = bucket_of(u);
	r.first = begins_read(ctx->meta->seq);
	r.uid = ctx->uid;
	if (r.state == TCP_LISTEN) {
		r.rx_queue = u->sk.sk_receive_queue.qlen;
		r.tx_queue = u->sk.sk_max_ack_backlog;
	} else {
		r.rx_queue = unread(u);
		r.tx_queue = sock_wmem(&u->sk);
	}
	write_socket(ctx->meta->seq, &r, &u->sk);
	return 0;
}
