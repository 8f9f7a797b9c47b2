// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
)

// probeKinds are the links to functions, of the kernel, a file or a program, and
// to a map.
func probeKinds(t testing.TB) []linkKind {
	t.Helper()
	sockets := newMap(t, &ebpf.MapSpec{Name: "sockets", Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	file := copyOfSelf(t)
	replaced := replaceable(t)
	return []linkKind{
		{"kprobe multi", "bpf_kprobe_multi_link", ebpf.ProgramSpec{Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceKprobeMulti}, func(p *ebpf.Program) (link.Link, error) {
			return link.KretprobeMulti(p, link.KprobeMultiOptions{Symbols: []string{"vfs_rmdir", "vfs_mkdir"}})
		}, "kretprobe:funcs=2"},
		{"perf kprobe", "perf_kprobe_event_init", ebpf.ProgramSpec{Type: ebpf.Kprobe}, func(p *ebpf.Program) (link.Link, error) {
			return link.Kprobe("vfs_rmdir", p, nil)
		}, "kprobe:vfs_rmdir"},
		{"uprobe multi", "bpf_uprobe_multi_link", ebpf.ProgramSpec{Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceUprobeMulti}, func(p *ebpf.Program) (link.Link, error) {
			executable, err := link.OpenExecutable(file)
			if err != nil {
				return nil, err
			}
			return executable.UprobeMulti(nil, p, &link.UprobeMultiOptions{Addresses: []uint64{0x2000, 0x3000}})
		}, "uprobe:" + file + ",offsets=2"},
		{"freplace", "bpf_tracing_link", ebpf.ProgramSpec{Type: ebpf.Extension, AttachTarget: replaced, AttachTo: "replaced", Instructions: replacement()}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachFreplace(nil, "", p)
		}, "ext:replaced,prog=" + progID(t, replaced)},
		{"sockmap", "sockmap_link", ebpf.ProgramSpec{Type: ebpf.SkSKB, AttachType: ebpf.AttachSkSKBVerdict, Instructions: allow()}, func(p *ebpf.Program) (link.Link, error) {
			return link.AttachRawLink(link.RawLinkOptions{Program: p, Target: sockets.FD(), Attach: ebpf.AttachSkSKBVerdict})
		}, "sk_skb_verdict:map=" + mapID(t, sockets)},
	}
}

// copyOfSelf is an executable that nobody executes.
func copyOfSelf(t testing.TB) string {
	t.Helper()
	content, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "executable")
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// replaceable is a program with types, so that its function can be replaced.
func replaceable(t testing.TB) *ebpf.Program {
	t.Helper()
	main := &btf.Func{Name: "main", Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
		Return: s32Type,
		Params: []btf.FuncParam{{Name: "skb", Type: &btf.Pointer{Target: &btf.Struct{Name: "__sk_buff", Size: 4, Members: []btf.Member{{Name: "len", Type: u32Type}}}}}},
	}}
	return newProgram(t, &ebpf.ProgramSpec{Name: "main", Type: ebpf.SchedCLS, Instructions: append(asm.Instructions{
		btf.WithFuncMetadata(asm.Mov.Imm(asm.R1, 1).WithSymbol("main"), main),
		asm.Call.Label("replaced"),
		asm.Return(),
	}, replacement()...)})
}

// replacement is the function itself, of which any other would do as well.
func replacement() asm.Instructions {
	function := &btf.Func{Name: "replaced", Linkage: btf.GlobalFunc, Type: &btf.FuncProto{
		Return: s32Type,
		Params: []btf.FuncParam{{Name: "n", Type: s32Type}},
	}}
	return asm.Instructions{btf.WithFuncMetadata(asm.Mov.Imm(asm.R0, 7).WithSymbol("replaced"), function), asm.Return()}
}
