// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/iterfs/iterfs/bpf"
	bpflink "github.com/iterfs/iterfs/bpf/bpf_link"
	bpfmap "github.com/iterfs/iterfs/bpf/bpf_map"
	bpfprog "github.com/iterfs/iterfs/bpf/bpf_prog"
)

// The names of types are lists; the kernel's own enums tell what they lack.
func TestTypesAreNamed(t *testing.T) {
	types, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []struct {
		enum, prefix string
		names        bpf.Names
	}{
		{"bpf_map_type", "BPF_MAP_TYPE_", bpfmap.Types},
		{"bpf_prog_type", "BPF_PROG_TYPE_", bpfprog.Types},
		{"bpf_attach_type", "BPF_", bpfprog.AttachTypes},
		{"bpf_link_type", "BPF_LINK_TYPE_", bpflink.Types},
	} {
		var enum *btf.Enum
		if err := types.TypeByName(list.enum, &enum); err != nil {
			t.Fatal(err)
		}
		names := map[uint64][]string{} // a member can have an older name too
		for _, v := range enum.Values {
			if name, ok := strings.CutPrefix(v.Name, list.prefix); ok {
				names[v.Value] = append(names[v.Value], strings.ToLower(name))
			}
		}
		for value, want := range names {
			got := string(list.names.Append(nil, uint32(value)))
			if !slices.Contains(want, got) {
				t.Errorf("%s: %d is named %s, in the kernel %q", list.enum, value, got, want)
			}
		}
		if got, want := string(list.names.Append(nil, 1000)), "type_1000"; got != want {
			t.Errorf("a type newer than all is %s, not %s", got, want)
		}
	}
}
