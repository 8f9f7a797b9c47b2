// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Imports go one way: cmd/iterfs -> fs, loader, bpf/...; loader -> bpf. What
// serves files knows nothing of BPF, and what reads iterators nothing of FUSE.
func TestImportsGoOneWay(t *testing.T) {
	if os.Getenv("ITERFS_VM") != "" {
		t.Skip("the sources are not in the virtual machine")
	}
	const self = "github.com/iterfs/iterfs/"
	forbidden := map[string][]string{
		"fs":         {self, "github.com/cilium/ebpf"},
		"loader/...": {self + "fs", self + "cmd", self + "bpf/", "github.com/hanwen/go-fuse"},
		"bpf":        {self, "github.com/hanwen/go-fuse"},
		"bpf/...":    {self + "fs", self + "cmd", self + "loader", "github.com/hanwen/go-fuse"},
	}
	for packages, prefixes := range forbidden {
		out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}{{range .Imports}} {{.}}{{end}}", "../"+packages).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			imports := strings.Fields(line)
			for _, name := range imports[1:] {
				for _, prefix := range prefixes {
					if strings.HasPrefix(name, prefix) {
						t.Errorf("%s imports %s", imports[0], name)
					}
				}
			}
		}
	}
}
