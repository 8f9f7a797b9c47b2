// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/bpf_prog: one record a BPF program, and the ids of its maps behind it. */
#include "iter.h"

#define MAX_USED_MAPS 64 /* of kernel/bpf/verifier.c */
#define BPF_MAX_SUBPROGS 256

enum bpf_prog_type { BPF_PROG_TYPE_UNSPEC };
enum bpf_attach_type { BPF_CGROUP_INET_INGRESS };

struct btf {
	u32 id;
} KERNEL_TYPE;

struct bpf_map {
	u32 id;
} KERNEL_TYPE;

typedef struct {
	u32 val;
} kuid_t;

struct user_struct {
	kuid_t uid;
} KERNEL_TYPE;

struct bpf_prog;

struct bpf_prog_aux {
	atomic64_t refcnt;
	u32 used_map_cnt;
	u32 id;
	u32 func_cnt;
	u32 attach_btf_id;
	u32 verified_insns;
	struct btf *attach_btf;
	struct bpf_prog *dst_prog;
	const char *attach_func_name;
	struct bpf_prog **func;
	struct bpf_map **used_maps;
	struct user_struct *user;
	u64 load_time;
	char name[16];
	struct btf *btf;
	_Bool sleepable;
} KERNEL_TYPE;

struct bpf_prog {
	u16 pages;
	u16 gpl_compatible : 1;
	u16 sleepable : 1;
	enum bpf_prog_type type;
	enum bpf_attach_type expected_attach_type;
	u32 len;
	u32 jited_len;
	u8 tag[8];
	struct bpf_prog_aux *aux;
} KERNEL_TYPE;

struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog;
} KERNEL_TYPE;

struct prog_record {
	u64 load_time;
	s64 refs;
	u32 id;
	u32 type;
	u32 attach_type;
	u32 uid;
	u32 insns;
	u32 jited;
	u32 pages;
	u32 subprogs;
	u32 verified; /* 0: this kernel does not tell */
	u32 btf_id;
	u32 attach_btf_obj;
	u32 attach_btf_id;
	u32 target_prog;
	u32 gpl;
	u32 sleepable;
	u32 maps; /* how many ids follow, and one more for alignment where that is odd */
	u8 tag[8];
	char name[16];
	char attach[128];
};
EXPORT_RECORD(prog_record);

/* aux->sleepable until 66c8473135c6 (6.9) */
static __always_inline u32 is_sleepable(struct bpf_prog *prog)
{
	if (bpf_core_field_exists(prog->sleepable))
		return BPF_CORE_READ_BITFIELD_PROBED(prog, sleepable);
	return prog->aux->sleepable;
}

/* The main program of several is the first of func[] too. */
static __always_inline u32 jited_size(struct bpf_prog *prog)
{
	struct bpf_prog_aux *aux = prog->aux;
	struct bpf_prog *func;
	u32 size = 0, i;

	if (!aux->func_cnt)
		return prog->jited_len;
	for (i = 0; i < BPF_MAX_SUBPROGS && i < aux->func_cnt; i++) {
		if (bpf_probe_read_kernel(&func, sizeof(func), aux->func + i))
			break;
		size += BPF_CORE_READ(func, jited_len);
	}
	return size;
}

static __always_inline void write_map_ids(struct seq_file *seq, struct bpf_prog_aux *aux, u32 count)
{
	struct bpf_map *map;
	u32 i, id;

	for (i = 0; i < MAX_USED_MAPS && i < count; i++) {
		id = 0;
		if (!bpf_probe_read_kernel(&map, sizeof(map), aux->used_maps + i))
			id = BPF_CORE_READ(map, id);
		bpf_seq_write(seq, &id, sizeof(id));
	}
	id = 0;
	if (count % 2)
		bpf_seq_write(seq, &id, sizeof(id));
}

SEC("iter/bpf_prog")
int prog_records(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *prog = ctx->prog;
	struct prog_record r = {};
	struct bpf_prog_aux *aux;

	if (!prog)
		return 0;
	aux = prog->aux;
	r.load_time = aux->load_time;
	/* The iterator itself holds a reference while the program runs. */
	r.refs = aux->refcnt.counter - 1;
	r.id = aux->id;
	r.type = prog->type;
	r.attach_type = prog->expected_attach_type;
	r.uid = aux->user->uid.val;
	r.insns = prog->len;
	r.jited = jited_size(prog);
	r.pages = prog->pages;
	r.subprogs = aux->func_cnt;
	if (bpf_core_field_exists(aux->verified_insns))
		r.verified = aux->verified_insns;
	if (aux->btf)
		r.btf_id = aux->btf->id;
	if (bpf_core_field_exists(aux->attach_btf) && aux->attach_btf)
		r.attach_btf_obj = aux->attach_btf->id;
	r.attach_btf_id = aux->attach_btf_id;
	if (aux->dst_prog)
		r.target_prog = aux->dst_prog->aux->id;
	r.gpl = BPF_CORE_READ_BITFIELD_PROBED(prog, gpl_compatible);
	r.sleepable = is_sleepable(prog);
	r.maps = aux->used_map_cnt;
	if (r.maps > MAX_USED_MAPS)
		r.maps = MAX_USED_MAPS;
	bpf_probe_read_kernel(r.tag, sizeof(r.tag), prog->tag);
	bpf_probe_read_kernel_str(r.name, sizeof(r.name), aux->name);
	bpf_probe_read_kernel_str(r.attach, sizeof(r.attach), aux->attach_func_name);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	write_map_ids(ctx->meta->seq, aux, r.maps);
	return 0;
}
