// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Imports go one way: cmd/iterfs -> fs, loader, bpf/...; loader -> bpf. What
// serves files knows nothing of BPF, and what reads iterators nothing of FUSE.
// Below them all are the leaves, which everything may import.
func TestImportsGoOneWay(t *testing.T) {
	if os.Getenv("ITERFS_VM") != "" {
		t.Skip("the sources are not in the virtual machine")
	}
	const self = "github.com/iterfs/iterfs/"
	leaves := []string{"native", "internal/thread"}
	forbidden := map[string][]string{
		"fs":           {self, "github.com/cilium/ebpf"},
		"fs/rights":    {self, "github.com/cilium/ebpf", "github.com/hanwen/go-fuse"},
		"fs/procfs":    {self + "bpf", self + "loader", self + "cmd", "github.com/cilium/ebpf"},
		"loader/...":   {self + "fs", self + "cmd", self + "bpf/", "github.com/hanwen/go-fuse"},
		"internal/...": {self, "github.com/cilium/ebpf", "github.com/hanwen/go-fuse"},
		"bpf":          {self, "github.com/hanwen/go-fuse"},
		"bpf/...":      {self + "fs", self + "cmd", self + "loader", "github.com/hanwen/go-fuse"},
	}
	for _, leaf := range leaves {
		forbidden[leaf] = []string{self, "github.com/cilium", "github.com/hanwen"}
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
					if strings.HasPrefix(name, prefix) && !slices.Contains(leaves, strings.TrimPrefix(name, self)) {
						t.Errorf("%s imports %s", imports[0], name)
					}
				}
			}
		}
	}
}

// The daemon reaches the kernel's procfs through the package native alone: what
// opens /proc by name may find iterfs itself there. iterfs bench, which is no
// daemon, measures what is there.
func TestProcIsNotOpenedByName(t *testing.T) {
	if os.Getenv("ITERFS_VM") != "" {
		t.Skip("the sources are not in the virtual machine")
	}
	for _, dir := range []string{"bpf", "cmd", "fs", "loader"} {
		err := filepath.WalkDir("../"+dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(filepath.Base(path), "bench") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				name := ""
				switch n := n.(type) {
				case *ast.BasicLit:
					name = strings.Trim(n.Value, "\"`")
				case *ast.SelectorExpr:
					if of, ok := n.X.(*ast.Ident); ok {
						name = of.Name + "." + n.Sel.Name
					}
				}
				if strings.HasPrefix(name, "/proc") || name == "mountinfo.GetMounts" {
					t.Errorf("%v: %s is for the package native", files.Position(n.Pos()), name)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
