// SPDX-License-Identifier: Apache-2.0

// Package need says what a test cannot do without. A test whose need is not met
// is skipped with the reason; where ITERFS_CI is set everything is expected to be
// there, and it fails instead.
package need

import (
	"os"
	"os/exec"
	"testing"
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

func missing(t testing.TB, reason string) {
	t.Helper()
	// A virtual machine of the kernel matrix has no tools, whoever runs it.
	if os.Getenv("ITERFS_CI") != "" && os.Getenv("ITERFS_VM") == "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
