// SPDX-License-Identifier: Apache-2.0

package bpfmapelem

import "github.com/cilium/ebpf"

// A way is how the elements of a type of map are found.
type way int

const (
	keys          way = iota // by bpf(2), each key telling the next
	indexes                  // by bpf(2), each index up to max_entries
	front                    // by bpf(2), the only one that can be seen
	sockets                  // by iter/sockmap
	socketStorage            // by iter/bpf_sk_storage_map
	nothing                  // not at all
)

// A kind is what is known of a type of map.
type kind struct {
	by way
	// iterated says that iter/bpf_map_elem takes it, and bpf(2) is for values that
	// are too large for it.
	iterated bool
	perCPU   bool
	// ids says that values are the numbers of programs or maps.
	ids    bool
	reason string // why nothing can be read
}

// Types that the library's constants lack.
const (
	insnArray ebpf.MapType = 34
	rhash     ebpf.MapType = 35
)

// kinds are those of all types that need more than the zero kind, which suits a
// type that is newer than this list if anything does.
var kinds = map[ebpf.MapType]kind{
	ebpf.Hash:       {iterated: true},
	ebpf.LRUHash:    {iterated: true},
	rhash:           {iterated: true},
	ebpf.PerCPUHash: {iterated: true, perCPU: true},
	ebpf.LRUCPUHash: {iterated: true, perCPU: true},

	ebpf.Array:              {by: indexes, iterated: true},
	ebpf.PerCPUArray:        {by: indexes, iterated: true, perCPU: true},
	ebpf.ProgramArray:       {by: indexes, ids: true},
	ebpf.ArrayOfMaps:        {by: indexes, ids: true},
	ebpf.DevMap:             {by: indexes},
	ebpf.CPUMap:             {by: indexes},
	ebpf.StackTrace:         {by: indexes},
	ebpf.ReusePortSockArray: {by: indexes},
	ebpf.StructOpsMap:       {by: indexes},
	insnArray:               {by: indexes},

	ebpf.HashOfMaps:          {ids: true},
	ebpf.PerCPUCGroupStorage: {perCPU: true},

	ebpf.Queue: {by: front},
	ebpf.Stack: {by: front},

	ebpf.SockMap:   {by: sockets},
	ebpf.SockHash:  {by: sockets},
	ebpf.SkStorage: {by: socketStorage},

	ebpf.PerfEventArray: {by: nothing, reason: "the kernel does not tell which perf events it holds"},
	ebpf.CGroupArray:    {by: nothing, reason: "the kernel does not tell which cgroups it holds"},
	ebpf.XSKMap:         {by: nothing, reason: "the kernel does not tell which sockets it holds"},
	ebpf.RingBuf:        {by: nothing, reason: "reading a ring buffer consumes it"},
	ebpf.UserRingbuf:    {by: nothing, reason: "only a program can read what user space writes"},
	ebpf.BloomFilter:    {by: nothing, reason: "a bloom filter only tells whether it may hold a value"},
	ebpf.Arena:          {by: nothing, reason: "an arena is memory, not elements"},
	ebpf.InodeStorage:   {by: nothing, reason: "a value is found by a descriptor of its inode only"},
	ebpf.TaskStorage:    {by: nothing, reason: "a value is found by a pidfd of its task only"},
	ebpf.CgroupStorage:  {by: nothing, reason: "a value is found by a descriptor of its cgroup only"},
}
