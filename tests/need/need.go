// SPDX-License-Identifier: Apache-2.0

// Package need says what a test cannot do without. A test whose need is not met
// is skipped with the reason; where ITERFS_CI is set everything is expected to be
// there, and it fails instead.
package need

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// Root is needed to load BPF programs and to mount.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "needs root: run the tests with sudo")
	}
}

// Tool is a program that serves as an oracle; it returns its path.
func Tool(t testing.TB, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "needs "+name+" to compare with (Debian package "+debianPackage+")")
	}
	return path
}

// Iterator is a target that some hardened kernels refuse all programs of, even of root
// and such as do nothing: there is nothing to test then, whatever the release.
func Iterator(t testing.TB, target string) {
	t.Helper()
	if Refused(target) {
		t.Skipf("this kernel refuses every program of iter/%s, even one that does nothing", target)
	}
}

// Refused reports whether the kernel does so.
func Refused(target string) bool {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: target, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err == nil {
		p.Close()
	}
	return errors.Is(err, unix.EPERM) && os.Geteuid() == 0
}

func missing(t testing.TB, reason string) {
	t.Helper()
	// A virtual machine of the kernel matrix has no tools, whoever runs it.
	if os.Getenv("ITERFS_CI") != "" && os.Getenv("ITERFS_VM") == "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
