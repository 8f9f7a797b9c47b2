// SPDX-License-Identifier: Apache-2.0

package bpfmap

import (
	"github.com/cilium/ebpf"

	"github.com/iterfs/iterfs/bpf"
)

// Types are the members of enum bpf_map_type as bpftool prints them.
var Types = bpf.Names{
	"unspec", "hash", "array", "prog_array", "perf_event_array", "percpu_hash", "percpu_array", "stack_trace",
	"cgroup_array", "lru_hash", "lru_percpu_hash", "lpm_trie", "array_of_maps", "hash_of_maps", "devmap", "sockmap",
	"cpumap", "xskmap", "sockhash", "cgroup_storage", "reuseport_sockarray", "percpu_cgroup_storage", "queue", "stack",
	"sk_storage", "devmap_hash", "struct_ops", "ringbuf", "inode_storage", "task_storage", "bloom_filter",
	"user_ringbuf", "cgrp_storage", "arena", "insn_array", "rhash",
}

// entries is the kernel's own count, or the size of a map that is always full.
func entries(r record) (int64, bool) {
	switch ebpf.MapType(r.Type) {
	case ebpf.Array, ebpf.PerCPUArray:
		return int64(r.MaxEntries), true
	}
	return r.Entries, r.Entries >= 0
}

// memory asks the map itself: each type counts in a callback of its own, which
// no program can call. A map that has gone meanwhile has none.
func memory(r record) (int64, bool) {
	m, err := ebpf.NewMapFromID(ebpf.MapID(r.Id))
	if err != nil {
		return 0, false
	}
	defer m.Close()
	info, err := m.Info()
	if err != nil {
		return 0, false
	}
	bytes, _ := info.Memlock() // not ok where it is 0, as of an empty trie
	return int64(bytes+1023) / 1024, true
}
