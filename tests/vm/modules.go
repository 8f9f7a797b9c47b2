// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// wantedModules are what the tests use of the kernel; each is in some kernels
// built in, and needs no loading there.
var wantedModules = []string{"fuse", "dummy", "veth", "ipv6", "overlay"}

// modules is what of a package's modules is to be loaded.
type modules struct {
	files   map[string]string // by name: a file below lib/modules
	content map[string][]byte // by name: the module, unpacked
}

// copyModules writes the wanted modules below root, and those that they depend
// on, to the folder to, under names that sort in the order of loading.
func copyModules(ctx context.Context, root, to string, wanted []string) error {
	files, err := findModules(root)
	if err != nil {
		return err
	}
	m := modules{files: files, content: map[string][]byte{}}
	order, err := loadOrder(wanted, func(name string) ([]string, error) { return m.depends(ctx, name) })
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for i, name := range order {
		file := filepath.Join(to, fmt.Sprintf("%02d-%s.ko", i, name))
		if err := os.WriteFile(file, m.content[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// findModules returns the files of all modules below root by their names.
func findModules(root string) (map[string]string, error) {
	files := map[string]string{}
	return files, filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name, _, isModule := strings.Cut(d.Name(), ".ko"); isModule && d.Type().IsRegular() {
			files[moduleName(name)] = file
		}
		return nil
	})
}

// moduleName is the kernel's form of a name; files and dependencies vary.
func moduleName(s string) string { return strings.ReplaceAll(s, "-", "_") }

// errBuiltIn says that there is no such module to load.
var errBuiltIn = errors.New("not a module")

// depends reads a module and returns what it depends on.
func (m *modules) depends(ctx context.Context, name string) ([]string, error) {
	file, ok := m.files[name]
	if !ok {
		return nil, errBuiltIn
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	switch filepath.Ext(file) {
	case ".ko":
	case ".xz":
		unpacked, err := output(ctx, "", nil, "xz", "-dc", file)
		if err != nil {
			return nil, err
		}
		content = []byte(unpacked)
	default:
		return nil, fmt.Errorf("%s: a compression that this program does not know", file)
	}
	m.content[name] = content
	object, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	section := object.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s: no section .modinfo", file)
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return modinfoDepends(string(info)), nil
}

// modinfoDepends finds the dependencies in a module's section .modinfo, strings
// NAME=VALUE that each end with a zero byte.
func modinfoDepends(info string) (names []string) {
	for _, field := range strings.Split(info, "\x00") {
		if list, ok := strings.CutPrefix(field, "depends="); ok && list != "" {
			for _, name := range strings.Split(list, ",") {
				names = append(names, moduleName(name))
			}
		}
	}
	return names
}

// loadOrder puts the wanted modules and all that they depend on in an order in
// which each can be loaded. It leaves out those for which depends returns errBuiltIn.
func loadOrder(wanted []string, depends func(name string) ([]string, error)) (order []string, err error) {
	seen := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		if seen[name] {
			return nil
		}
		seen[name] = true
		before, err := depends(name)
		if errors.Is(err, errBuiltIn) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, other := range before {
			if err := visit(other); err != nil {
				return err
			}
		}
		order = append(order, name)
		return nil
	}
	for _, name := range wanted {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}
