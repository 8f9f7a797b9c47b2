// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/bpf_link: one record a BPF link. */
#include "iter.h"

enum bpf_link_type { BPF_LINK_TYPE_UNSPEC };
enum bpf_prog_type { BPF_PROG_TYPE_UNSPEC };

struct btf {
	u32 id;
} KERNEL_TYPE;

struct bpf_prog_aux {
	u32 id;
	u32 attach_btf_id;
	struct btf *attach_btf;
	const char *attach_func_name;
} KERNEL_TYPE;

struct bpf_prog {
	enum bpf_prog_type type;
	struct bpf_prog_aux *aux;
} KERNEL_TYPE;

struct bpf_link {
	atomic64_t refcnt;
	u32 id;
	enum bpf_link_type type;
	struct bpf_prog *prog;
} KERNEL_TYPE;

struct bpf_iter__bpf_link {
	struct bpf_iter_meta *meta;
	struct bpf_link *link;
} KERNEL_TYPE;

struct link_record {
	s64 refs;
	u32 id;
	u32 type;
	u32 prog_id; /* 0: a link of a map, of struct_ops */
	u32 prog_type;
	/* What the program was loaded for; a tracing link can be to something else. */
	u32 attach_btf_obj;
	u32 attach_btf_id;
	char attach[128];
};
EXPORT_RECORD(link_record);

SEC("iter/bpf_link")
int link_records(struct bpf_iter__bpf_link *ctx)
{
	struct bpf_link *link = ctx->link;
	struct link_record r = {};
	struct bpf_prog_aux *aux;

	if (!link)
		return 0;
	/* The iterator itself holds a reference while the program runs. */
	r.refs = link->refcnt.counter - 1;
	r.id = link->id;
	r.type = link->type;
	if (link->prog) {
		aux = link->prog->aux;
		r.prog_id = aux->id;
		r.prog_type = link->prog->type;
		if (aux->attach_btf)
			r.attach_btf_obj = aux->attach_btf->id;
		r.attach_btf_id = aux->attach_btf_id;
		bpf_probe_read_kernel_str(r.attach, sizeof(r.attach), aux->attach_func_name);
	}
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
