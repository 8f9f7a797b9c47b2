// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// maxZeros is how much memory an object can ask for that its file does not hold:
// the size of its .bss.
const maxZeros = 16 << 20

// readELF reads the programs and maps of an object, and its typed variables of the
// kernel. What is none is ENOEXEC, whatever it makes of the readers that were written
// for objects.
func readELF(content []byte) (spec *ebpf.CollectionSpec, typed ksyms, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
		if err != nil {
			spec, typed, err = nil, nil, fmt.Errorf("%w: %v", unix.ENOEXEC, err)
		}
	}()
	if len(content) == 0 {
		return nil, nil, fmt.Errorf("the file is empty")
	}
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, nil, err
	}
	if err := check(f); err != nil {
		return nil, nil, err
	}
	content = slices.Clone(content)
	weak, err := strengthen(f, content)
	if err != nil {
		return nil, nil, err
	}
	if typed, err = untype(f, content); err != nil {
		return nil, nil, err
	}
	spec, err = ebpf.LoadCollectionSpecFromReader(bytes.NewReader(content))
	if err != nil {
		return nil, nil, err
	}
	leaveOut(weak, spec.Types)
	return spec, typed, nil
}

// check refuses what is no BPF, and what would take more memory than its size.
func check(f *elf.File) error {
	if f.Machine != elf.EM_BPF || f.Class != elf.ELFCLASS64 {
		return fmt.Errorf("not for BPF but for %v", f.Machine)
	}
	zeros := uint64(0)
	for _, s := range f.Sections {
		switch {
		case s.Flags&elf.SHF_COMPRESSED != 0:
			return fmt.Errorf("section %s is compressed", s.Name)
		case s.Type == elf.SHT_NOBITS && s.Size > maxZeros-zeros:
			return fmt.Errorf("more than %d bytes of zeros (section %s)", maxZeros, s.Name)
		case s.Type == elf.SHT_NOBITS:
			zeros += s.Size
		}
	}
	return nil
}
