// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// newCongestionControl is a struct_ops that is registered only by a link, which
// kernels have since 6.4.
func newCongestionControl(t testing.TB) *ebpf.Map {
	t.Helper()
	if !kernelHas(t, "bpf_struct_ops_link") {
		t.Skip("before Linux 6.4 a struct_ops takes effect when it is made, and is not for tests")
	}
	function := &btf.Pointer{Target: &btf.FuncProto{Return: (*btf.Void)(nil)}}
	members := []string{"ssthresh", "cong_avoid", "undo_cwnd"}
	ops := &btf.Struct{Name: "tcp_congestion_ops", Size: 40}
	spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{}, Variables: map[string]*ebpf.VariableSpec{}}
	for i, name := range members {
		ops.Members = append(ops.Members, btf.Member{Name: name, Type: function, Offset: btf.Bits(64 * i)})
		spec.Programs[name] = &ebpf.ProgramSpec{
			Name: name, Type: ebpf.StructOps, AttachTo: "tcp_congestion_ops:" + name, License: "GPL",
			SectionName: "struct_ops/" + name, Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()},
		}
	}
	ops.Members = append(ops.Members, btf.Member{Name: "name", Type: &btf.Array{Index: u32Type, Type: charType, Nelems: 16}, Offset: 192})
	spec.Maps = map[string]*ebpf.MapSpec{"control": {
		Name: "control", Type: ebpf.StructOpsMap, KeySize: 4, ValueSize: 40, MaxEntries: 1, Flags: unix.BPF_F_LINK,
		Key: &btf.Int{Size: 4}, Value: ops,
		Contents: []ebpf.MapKV{{Key: uint32(0), Value: append(make([]byte, 24), "iterfs_test\x00\x00\x00\x00\x00"...)}},
	}}
	c, err := ebpf.NewCollection(spec)
	if errors.Is(err, unix.EPERM) && os.Getenv("ITERFS_VM") == "" {
		t.Skip("this machine forbids struct_ops")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.Maps["control"]
}

// A struct_ops is shown by the kernel's own BTF.
func TestElementsOfStructOps(t *testing.T) {
	m := newMount(t)
	control := newCongestionControl(t)
	rows, objects := m.elements(t, control)
	if len(rows) != 1 || !strings.HasPrefix(rows[0], "0 {common={") || !strings.Contains(rows[0], "state=BPF_STRUCT_OPS_STATE_READY") || !strings.Contains(rows[0], `name="iterfs_test"`) {
		t.Errorf("rows are %q", rows)
	}
	if len(objects) != 1 {
		t.Errorf("objects are %v", objects)
	}
	l, err := link.AttachStructOps(link.StructOpsOptions{Map: control})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	for _, row := range table(t, m.read(t, "links/table")) {
		if row["TYPE"] == "struct_ops" && row["TARGET"] == "map="+mapID(t, control) && row["PROG_ID"] == "-" {
			return
		}
	}
	t.Errorf("no link of the struct_ops in\n%s", m.read(t, "links/table"))
}
