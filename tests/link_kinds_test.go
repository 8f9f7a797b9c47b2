// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// A linkKind is a way to attach a program.
type linkKind struct {
	name string
	// kernel is the struct of kernels that have such links.
	kernel string
	spec   ebpf.ProgramSpec
	attach func(p *ebpf.Program) (link.Link, error)
	target string // as the table has it
}

// linkKinds are attached in a network namespace and to a cgroup of the test.
func linkKinds(t testing.TB) []linkKind {
	t.Helper()
	const loopback = 1
	visitor := ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "bpf_map_elem"}
	visited := newMap(t, &ebpf.MapSpec{Name: "visited", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	group, groupID := newCgroup(t)
	return []linkKind{
		{"raw tracepoint", "bpf_raw_tp_link", ebpf.ProgramSpec{Type: ebpf.RawTracepoint}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sched_process_fork", Program: p})
		}, "sched_process_fork"},
		{"fentry", "bpf_tracing_link", ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "vfs_rmdir"}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachTracing(link.TracingOptions{Program: p})
		}, "trace_fentry:vfs_rmdir"},
		{"traced tracepoint", "bpf_tracing_link", ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sched_process_exec"}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachTracing(link.TracingOptions{Program: p})
		}, "sched_process_exec"},
		{"iterator", "bpf_iter_link", ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "bpf_map"}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachIter(link.IterOptions{Program: p})
		}, "bpf_map"},
		{"iterator of a map", "bpf_iter_link", visitor, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachIter(link.IterOptions{Program: p, Map: visited})
		}, "bpf_map_elem,map=" + mapID(t, visited)},
		{"cgroup", "bpf_cgroup_link", ebpf.ProgramSpec{Type: ebpf.CGroupSKB, AttachType: ebpf.AttachCGroupInetEgress, Instructions: allow()}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachCgroup(link.CgroupOptions{Path: group, Attach: ebpf.AttachCGroupInetEgress, Program: p})
		}, fmt.Sprintf("cgroup_inet_egress:cgroup=%d", groupID)},
		{"network namespace", "bpf_netns_link", ebpf.ProgramSpec{Type: ebpf.SkLookup, AttachType: ebpf.AttachSkLookup, Instructions: allow()}, func(p *ebpf.Program) (link.Link, error) {
			ns, err := os.Open("/proc/thread-self/ns/net")
			if err != nil {
				return nil, err
			}
			defer ns.Close()
			return link.AttachNetNs(int(ns.Fd()), p)
		}, "sk_lookup:netns=NETNS"},
		{"xdp", "bpf_xdp_link", ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: allow()}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachXDP(link.XDPOptions{Program: p, Interface: loopback, Flags: link.XDPGenericMode})
		}, "ifindex=1"},
		{"tcx", "tcx_link", ebpf.ProgramSpec{Type: ebpf.SchedCLS}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachTCX(link.TCXOptions{Program: p, Interface: loopback, Attach: ebpf.AttachTCXIngress})
		}, "tcx_ingress:ifindex=1"},
		{"netfilter", "bpf_nf_link", ebpf.ProgramSpec{Type: ebpf.Netfilter, AttachType: ebpf.AttachNetfilter, Instructions: allow()}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachNetfilter(link.NetfilterOptions{Program: p, ProtocolFamily: link.NetfilterProtoIPv4, Hook: link.NetfilterInetLocalIn, Priority: -128})
		}, "pf=2,hook=1,prio=-128"},
		{"perf event", "bpf_perf_link", ebpf.ProgramSpec{Type: ebpf.PerfEvent}, attachSwitches, "event:type=1,config=3"},
	}
}

func allow() asm.Instructions { return asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()} }

// newCgroup makes a cgroup of the v2 hierarchy, and returns its number too.
func newCgroup(t testing.TB) (path string, id uint64) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(mounts), "\n") {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			if path, err = os.MkdirTemp(f[1], "iterfs-test"); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	t.Cleanup(func() { os.Remove(path) })
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatalf("a cgroup of the v2 hierarchy: %v", err)
	}
	return path, st.Ino
}

// attachSwitches attaches to a software event of this process, by a link as perf
// events have since 5.15.
func attachSwitches(p *ebpf.Program) (link.Link, error) {
	event, err := unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CONTEXT_SWITCHES, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
	}, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(event) // the link keeps it
	return link.AttachRawLink(link.RawLinkOptions{Program: p, Target: event, Attach: ebpf.AttachPerfEvent})
}

// someLinks makes a link of each kind that this kernel has, and returns what the
// table should say of each by its id.
func someLinks(t testing.TB) map[string]linkKind {
	t.Helper()
	ns := zoo.NewNetNS(t)
	made := map[string]linkKind{}
	for _, kind := range append(linkKinds(t), probeKinds(t)...) {
		if !kernelHas(t, kind.kernel) {
			t.Logf("this kernel has no links of the kind %s", kind.name)
			continue
		}
		p := newProgram(t, &kind.spec)
		if p == nil {
			continue
		}
		var l link.Link
		var inum uint64
		err := ns.Do(func() (err error) {
			var st unix.Stat_t
			if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
				return err
			}
			inum = st.Ino
			l, err = kind.attach(p)
			return err
		})
		if err != nil {
			t.Errorf("attach a %s: %v", kind.name, err)
			continue
		}
		t.Cleanup(func() { l.Close() })
		info, err := l.Info()
		if err != nil {
			t.Fatal(err)
		}
		kind.target = strings.ReplaceAll(kind.target, "NETNS", strconv.FormatUint(inum, 10))
		made[strconv.Itoa(int(info.ID))] = kind
	}
	return made
}
