// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"bufio"
	"compress/gzip"
	"debug/elf"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/native"
)

// An object's "extern ... CONFIG_X __kconfig __weak" is 0 where the kernel was
// built without CONFIG_X. The library knows strong ones alone, so these become
// strong, and those without a value are taken out of what it looks up.

// strengthen makes the weak symbols CONFIG_* of an object strong, in place, and
// returns their names.
func strengthen(f *elf.File, content []byte) (names []string, err error) {
	symbols, err := f.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, err
	}
	table := f.SectionByType(elf.SHT_SYMTAB)
	for i, s := range symbols {
		if s.Section != elf.SHN_UNDEF || elf.ST_BIND(s.Info) != elf.STB_WEAK || !strings.HasPrefix(s.Name, "CONFIG_") {
			continue
		}
		names = append(names, s.Name)
		at := table.Offset + uint64(i+1)*elf.Sym64Size + 4 // st_info; symbol 0 is not returned
		content[at] = elf.ST_INFO(elf.STB_GLOBAL, elf.ST_TYPE(s.Info))
	}
	return names, nil
}

// leaveOut takes those out of an object's .kconfig that the kernel's configuration
// does not have: they stay 0. Where no configuration can be read the load will say so.
func leaveOut(weak []string, types *btf.Spec) {
	var section *btf.Datasec
	if len(weak) == 0 || types.TypeByName(".kconfig", &section) != nil {
		return
	}
	set, err := configured()
	if err != nil {
		return
	}
	section.Vars = slices.DeleteFunc(section.Vars, func(v btf.VarSecinfo) bool {
		name := v.Type.TypeName()
		return slices.Contains(weak, name) && !set[name]
	})
}

// configured returns the names that the running kernel's configuration sets.
func configured() (map[string]bool, error) {
	r, err := openConfig()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	set := map[string]bool{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if name, _, ok := strings.Cut(lines.Text(), "="); ok {
			set[name] = true
		}
	}
	return set, lines.Err()
}

func openConfig() (io.ReadCloser, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, err
	}
	if f, err := os.Open("/boot/config-" + unix.ByteSliceToString(u.Release[:])); err == nil {
		return f, nil
	}
	f, err := native.Open("config.gz")
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{z, f}, nil
}
