// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/iterfs/iterfs/bpf"
	bpflink "github.com/iterfs/iterfs/bpf/bpf_link"
	bpfmap "github.com/iterfs/iterfs/bpf/bpf_map"
	bpfmapelem "github.com/iterfs/iterfs/bpf/bpf_map_elem"
	bpfprog "github.com/iterfs/iterfs/bpf/bpf_prog"
	bpfskstoragemap "github.com/iterfs/iterfs/bpf/bpf_sk_storage_map"
	"github.com/iterfs/iterfs/bpf/cgroup"
	"github.com/iterfs/iterfs/bpf/dmabuf"
	ipv6route "github.com/iterfs/iterfs/bpf/ipv6_route"
	kmemcache "github.com/iterfs/iterfs/bpf/kmem_cache"
	"github.com/iterfs/iterfs/bpf/ksym"
	"github.com/iterfs/iterfs/bpf/netlink"
	"github.com/iterfs/iterfs/bpf/sockmap"
	"github.com/iterfs/iterfs/bpf/task"
	taskfile "github.com/iterfs/iterfs/bpf/task_file"
	taskvma "github.com/iterfs/iterfs/bpf/task_vma"
	"github.com/iterfs/iterfs/bpf/tcp"
	"github.com/iterfs/iterfs/bpf/udp"
	unixsock "github.com/iterfs/iterfs/bpf/unix"
)

// targets are the iterator targets, in the tree's order. CONTRIBUTING.md tells how
// to add one.
var targets = []*bpf.Target{
	&task.Target,
	&taskfile.Target,
	&taskvma.Target,
	&tcp.Target,
	&udp.Target,
	&unixsock.Target,
	&netlink.Target,
	&ipv6route.Target,
	&bpfmap.Target,
	&bpfmapelem.Target,
	&sockmap.Target,
	&bpfskstoragemap.Target,
	&bpfprog.Target,
	&bpflink.Target,
	&cgroup.Target,
	&ksym.Target,
	&kmemcache.Target,
	&dmabuf.Target,
}
