// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// someKernel is a kernel's BTF with two variables.
func someKernel(t *testing.T) *btf.Spec {
	t.Helper()
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	queue := &btf.Struct{Name: "rq", Size: 4, Members: []btf.Member{{Name: "cpu", Type: number}}}
	b, err := btf.NewBuilder([]btf.Type{&btf.Var{Name: "runqueues", Type: queue}, &btf.Var{Name: "bpf_prog_active", Type: number}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	types, err := b.Spec()
	if err != nil {
		t.Fatal(err)
	}
	return types
}

// loads are those of an object's kernel variables, after they were resolved: what
// tells how the verifier takes them, and the constant.
func loads(t *testing.T, spec *ebpf.CollectionSpec, kernel *btf.Spec) map[string][2]int64 {
	t.Helper()
	all := map[string][2]int64{}
	for _, ins := range spec.Programs["dump_runqueues"].Instructions {
		if !ins.OpCode.IsDWordLoad() || ins.Src == asm.PseudoMapFD || ins.Src == asm.PseudoMapValue {
			continue
		}
		name := ins.Reference()
		if ins.Src == pseudoBTFID {
			v, err := kernel.TypeByID(btf.TypeID(ins.Constant))
			if err != nil {
				t.Fatal(err)
			}
			name = v.TypeName()
		}
		all[name] = [2]int64{int64(ins.Src), ins.Constant}
	}
	return all
}

// Typed variables are loaded by their numbers, others are left to the library.
func TestTypedKernelVariables(t *testing.T) {
	spec, typed, err := readELF(readObject(t, "typed_ksym"))
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(typed)); !slices.Equal(names, []string{"bpf_prog_active", "no_such_runqueues", "runqueues"}) {
		t.Errorf("the typed ones are %q", names)
	}
	kernel := someKernel(t)
	if err := typed.resolve(spec, kernel); err != nil {
		t.Fatal(err)
	}
	found := loads(t, spec, kernel)
	for _, name := range []string{"runqueues", "bpf_prog_active"} {
		if l, ok := found[name]; !ok || l[0] != int64(pseudoBTFID) {
			t.Errorf("%s is loaded as %v", name, l)
		}
		delete(found, name)
	}
	// The weak one that no kernel has is 0, and refers to nothing.
	if l, ok := found[""]; !ok || l != [2]int64{} {
		t.Errorf("a weak variable that is absent is loaded as %v", l)
	}
	delete(found, "")
	if names := slices.Sorted(maps.Keys(found)); !slices.Equal(names, []string{"no_such_symbol", "schedule"}) {
		t.Errorf("left to the library are %q", names)
	}
}

func TestKernelVariablesThatAreNone(t *testing.T) {
	spec, typed, err := readELF(readObject(t, "absent_ksym"))
	if err != nil {
		t.Fatal(err)
	}
	if err := typed.resolve(spec, someKernel(t)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a variable that no kernel has: %v", err)
	}
	other := ksyms{"runqueues": {typ: &btf.Int{Size: 4}}}
	spec, _, err = readELF(readObject(t, "typed_ksym"))
	if err != nil {
		t.Fatal(err)
	}
	if err := other.resolve(spec, someKernel(t)); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a variable of another type: %v", err)
	}
}
