// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//go:build ignore

/* iter/kmem_cache: one record a slab cache, with what cache_show() of mm/slab_common.c prints. */
#include "iter.h"

typedef struct {
	long counter;
} atomic_long_t;

struct list_head {
	struct list_head *next, *prev;
} KERNEL_TYPE;

struct slab {
	struct kmem_cache *slab_cache;
	struct list_head slab_list;
	u32 inuse : 16;
	u32 objects : 15;
} KERNEL_TYPE;

struct kmem_cache_node {
	unsigned long nr_partial;
	struct list_head partial;
	atomic_long_t nr_slabs;
	atomic_long_t total_objects;
} KERNEL_TYPE;

struct kmem_cache_order_objects {
	u32 x;
} KERNEL_TYPE;

struct kmem_cache_per_node_ptrs {
	struct kmem_cache_node *node;
} KERNEL_TYPE;

struct kmem_cache {
	u32 size;
	struct kmem_cache_order_objects oo;
	const char *name;
	struct kmem_cache_per_node_ptrs per_node[1];
} KERNEL_TYPE;

/* "slab: decouple pointer to barn from kmem_cache_node", 7.1 */
struct kmem_cache___pre_ptrs {
	struct kmem_cache_node *node[1];
} KERNEL_TYPE;

struct bpf_iter__kmem_cache {
	struct bpf_iter_meta *meta;
	struct kmem_cache *s;
} KERNEL_TYPE;

/* Its name is behind it. */
struct cache_record {
	u32 size; /* with the name; a multiple of 8 */
	u32 object_size;
	u32 per_slab; /* objects */
	u32 order; /* of the pages of a slab */
	u64 slabs, objects;
	u64 free; /* objects in slabs that are partly used */
	u64 counted; /* 0: the slabs kept changing, and free is not to be had */
};
EXPORT_RECORD(cache_record);

#define MAX_NAME 256

/* NUMA nodes that there can be. */
const volatile u32 nodes = 1;

/* MAX_PARTIAL_TO_SCAN of mm/slub.c: of more slabs so many are counted, half from either end of the list. */
#define MAX_SCANNED 10000

struct scan {
	struct kmem_cache *cache;
	void *head, *node;
	u64 free;
	u32 scanned;
	u32 backward;
	u32 astray;
};

/*
 * Adds the free objects of one slab. The kernel locks the list. Without, a slab
 * that has left it leads astray: to slabs of other caches, or nowhere.
 */
static long scan_slab(u32 i, struct scan *s)
{
	struct slab *slab;

	if (s->node == s->head)
		return 1;
	slab = s->node - bpf_core_field_offset(struct slab, slab_list);
	if (BPF_CORE_READ(slab, slab_cache) != s->cache) {
		s->astray = 1;
		return 1;
	}
	s->free += BPF_CORE_READ_BITFIELD_PROBED(slab, objects) - BPF_CORE_READ_BITFIELD_PROBED(slab, inuse);
	s->scanned++;
	s->node = s->backward ? BPF_CORE_READ(slab, slab_list.prev) : BPF_CORE_READ(slab, slab_list.next);
	return 0;
}

/* count_partial_free_approx() of mm/slub.c; false where the list kept changing. */
static __always_inline _Bool count_free(u64 *free, struct kmem_cache *cache, struct kmem_cache_node *n)
{
	void *head = (void *)n + bpf_core_field_offset(struct kmem_cache_node, partial);
	struct scan s = { .cache = cache, .head = head };

	for (int tries = 0; tries < 4; tries++) {
		u64 partial = BPF_CORE_READ(n, nr_partial);
		_Bool some = partial > MAX_SCANNED;

		s.free = s.scanned = s.astray = s.backward = 0;
		s.node = BPF_CORE_READ(n, partial.next);
		bpf_loop(some ? MAX_SCANNED / 2 : 2 * MAX_SCANNED, scan_slab, &s, 0);
		if (some) {
			s.backward = 1;
			s.node = BPF_CORE_READ(n, partial.prev);
			bpf_loop(MAX_SCANNED / 2, scan_slab, &s, 0);
		}
		if (s.astray || (some && !s.scanned))
			continue;
		if (some) {
			u64 objects = BPF_CORE_READ(n, total_objects.counter);

			s.free = s.free / s.scanned * partial + s.free % s.scanned * partial / s.scanned;
			s.free = s.free < objects ? s.free : objects;
		}
		*free = s.free;
		return 1;
	}
	return 0;
}

struct sums {
	struct kmem_cache *cache;
	u64 slabs, objects, free;
	u64 counted;
};

/* Adds what a NUMA node has of a cache. Nothing is worked out outside its branch: only one kind of kernel has it. */
static long add_node(u32 node, struct sums *sums)
{
	void *s = (void *)sums->cache;
	struct kmem_cache_node *n = 0;
	u64 free = 0;

	if (bpf_core_field_exists(sums->cache->per_node))
		bpf_probe_read_kernel(&n, sizeof(n),
				      s + bpf_core_field_offset(struct kmem_cache, per_node) +
					      bpf_core_field_offset(struct kmem_cache_per_node_ptrs, node) +
					      node * bpf_core_type_size(struct kmem_cache_per_node_ptrs));
	else
		bpf_probe_read_kernel(&n, sizeof(n),
				      s + bpf_core_field_offset(struct kmem_cache___pre_ptrs, node) +
					      node * sizeof(void *));
	if (!n)
		return 0;
	sums->slabs += BPF_CORE_READ(n, nr_slabs.counter);
	sums->objects += BPF_CORE_READ(n, total_objects.counter);
	if (!count_free(&free, sums->cache, n))
		sums->counted = 0;
	sums->free += free;
	return 0;
}

/* get_slabinfo() of mm/slub.c. */
SEC("iter/kmem_cache")
int cache_records(struct bpf_iter__kmem_cache *ctx)
{
	struct kmem_cache *s = ctx->s;
	struct sums sums = { .cache = s, .counted = 1 };
	struct {
		struct cache_record cache;
		char name[MAX_NAME];
	} r;
	u32 name;

	if (!s)
		return 0;
	bpf_loop(nodes, add_node, &sums, 0);
	r.cache = (struct cache_record){
		.object_size = s->size,
		.per_slab = s->oo.x & 0xffff,
		.order = s->oo.x >> 16,
		.slabs = sums.slabs,
		.objects = sums.objects,
		.free = sums.free,
		.counted = sums.counted,
	};
	name = (bpf_probe_read_kernel_str(r.name, MAX_NAME, s->name) + 7) & 0x1f8;
	if (name > MAX_NAME)
		name = 0; /* it could not be read */
	r.cache.size = sizeof(r.cache) + name;
	bpf_seq_write(ctx->meta->seq, &r, r.cache.size);
	return 0;
}
