// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/bpf_map: one record a BPF map. */
#include "iter.h"

enum bpf_map_type { BPF_MAP_TYPE_UNSPEC };

struct btf {
	u32 id;
} KERNEL_TYPE;

struct bpf_map {
	enum bpf_map_type map_type;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	u32 map_flags;
	u32 id;
	struct btf *btf;
	char name[16];
	atomic64_t refcnt;
	atomic64_t usercnt;
	s64 *elem_count;
	_Bool frozen;
} KERNEL_TYPE;

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
} KERNEL_TYPE;

extern s64 bpf_map_sum_elem_count(const struct bpf_map *map) __weak __ksym;

struct map_record {
	u32 id;
	u32 type;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	u32 flags;
	s64 entries; /* -1: this kernel or type keeps no count */
	s64 refs;
	u32 btf_id;
	u32 frozen;
	char name[16];
};
EXPORT_RECORD(map_record);

SEC("iter/bpf_map")
int map_records(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	struct map_record r = {};

	if (!map)
		return 0;
	r.id = map->id;
	r.type = map->map_type;
	r.key_size = map->key_size;
	r.value_size = map->value_size;
	r.max_entries = map->max_entries;
	r.flags = map->map_flags;
	/* The iterator itself holds a reference while the program runs. */
	r.refs = map->refcnt.counter - 1;
	r.entries = -1;
	if (bpf_core_field_exists(map->elem_count) && &bpf_map_sum_elem_count && map->elem_count)
		r.entries = bpf_map_sum_elem_count(map);
	if (map->btf)
		r.btf_id = map->btf->id;
	r.frozen = map->frozen;
	bpf_probe_read_kernel_str(r.name, sizeof(r.name), map->name);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
