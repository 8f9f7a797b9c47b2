// SPDX-License-Identifier: Apache-2.0

// Package objects holds compiled BPF objects as users bring them.
package objects

import (
	"embed"
	"testing"
)

//go:embed *.bpf.o
var files embed.FS

// Read returns the object of a file NAME.bpf.o.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	content, err := files.ReadFile(name + ".bpf.o")
	if err != nil {
		t.Fatal(err)
	}
	return content
}
