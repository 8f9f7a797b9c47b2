// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// Variables of the kernel are known by their types, per CPU too, and by their
// addresses.
func TestKernelVariables(t *testing.T) {
	m := newMount(t)
	address := map[string]string{}
	for line := range strings.Lines(readFile(t, "/proc/kallsyms")) {
		if f := strings.Fields(line); len(f) == 3 {
			address[f[2]] = strings.TrimLeft(f[0], "0")
		}
	}
	err := m.put(t, "typed_ksym")
	types, inKernel := btf.LoadKernelSpec()
	if inKernel == nil {
		inKernel = types.TypeByName("runqueues", new(*btf.Var))
	}
	if inKernel != nil {
		if !errors.Is(err, unix.EOPNOTSUPP) || !strings.Contains(m.read(t, "iters/errors"), "no variable runqueues") {
			t.Errorf("on a kernel whose BTF has no variables: %v, %s", err, m.read(t, "iters/errors"))
		}
		t.Skip("this kernel's BTF has no variables: it was made by pahole before 1.19")
	}
	if address["runqueues"] == "" {
		// A kernel without CONFIG_KALLSYMS_ALL has no addresses of variables: libbpf's
		// programs do not load there either.
		if !errors.Is(err, unix.EOPNOTSUPP) || !strings.Contains(m.read(t, "iters/errors"), "symbol 'runqueues'") {
			t.Errorf("on a kernel without the addresses of variables: %v, %s", err, m.read(t, "iters/errors"))
		}
		t.Skip("this kernel was built without CONFIG_KALLSYMS_ALL")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, m.read(t, "iters/errors"))
	}
	var want strings.Builder
	for cpu := range min(ebpf.MustPossibleCPU(), 8) {
		fmt.Fprintf(&want, "runqueue %d of cpu %[1]d, active 1\n", cpu)
	}
	fmt.Fprintf(&want, "%s 1 1\n", address["schedule"])
	if got := m.read(t, "iters/typed_ksym/dump_runqueues"); got != want.String() {
		t.Errorf("%q, want %q", got, want.String())
	}
	if err := m.put(t, "absent_ksym"); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("a variable that no kernel has: %v", err)
	}
}
