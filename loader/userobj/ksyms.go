// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// An object's "extern const struct rq runqueues __ksym" is the kernel's variable of
// that name and type, which the verifier knows by its number in the kernel's BTF. The
// library knows "extern void runqueues __ksym" alone, an address. So these lose their
// types before it reads the object, and their loads become loads by number thereafter.

// pseudoBTFID is BPF_PSEUDO_BTF_ID: the load is of a variable in the kernel's BTF.
const pseudoBTFID = asm.R3

// ksyms are an object's typed variables of the kernel.
type ksyms map[string]ksym

type ksym struct {
	typ  btf.Type
	weak bool // the kernel may lack it
}

// untype makes the kernel's variables in the BTF of an object untyped, in place, and
// returns those that had a type.
func untype(f *elf.File, content []byte) (ksyms, error) {
	section := f.Section(".BTF")
	if section == nil {
		return nil, nil
	}
	raw := content[section.Offset:][:section.FileSize]
	types, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	var symbols *btf.Datasec
	err = types.TypeByName(".ksyms", &symbols)
	if errors.Is(err, btf.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	weak, err := weakSymbols(f)
	if err != nil {
		return nil, err
	}
	typed := ksyms{}
	var ids []btf.TypeID
	for _, s := range symbols.Vars {
		v, ok := s.Type.(*btf.Var)
		if !ok {
			continue // a function
		}
		id, err := types.TypeID(v)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
		if _, void := btf.UnderlyingType(v.Type).(*btf.Void); !void {
			typed[v.Name] = ksym{v.Type, weak[v.Name]}
		}
	}
	return typed, voidVariables(raw, ids)
}

// weakSymbols are the symbols that an object can do without.
func weakSymbols(f *elf.File) (map[string]bool, error) {
	symbols, err := f.Symbols()
	weak := map[string]bool{}
	for _, s := range symbols {
		if s.Section == elf.SHN_UNDEF && elf.ST_BIND(s.Info) == elf.STB_WEAK {
			weak[s.Name] = true
		}
	}
	return weak, err
}

// voidVariables gives variables the type void in encoded BTF. It follows struct
// btf_header and struct btf_type of the kernel's include/uapi/linux/btf.h.
func voidVariables(raw []byte, ids []btf.TypeID) error {
	const kindVar = 14
	u32 := binary.LittleEndian.Uint32
	header, size := u32(raw[4:]), u32(raw[12:])
	types := raw[header+u32(raw[8:]):][:size]
	for id := btf.TypeID(1); len(types) > 0; id++ {
		info := u32(types[4:])
		kind, members := info>>24&0x1f, info&0xffff
		if slices.Contains(ids, id) {
			if kind != kindVar {
				return fmt.Errorf("type %d of the object is no variable", id)
			}
			clear(types[8:12])
		}
		types = types[12+sizeAfter(kind, members):]
	}
	return nil
}

// sizeAfter is the size of what follows a struct btf_type of a kind.
func sizeAfter(kind, members uint32) uint32 {
	switch kind {
	case 1, 14, 17: // INT, VAR, DECL_TAG
		return 4
	case 3: // ARRAY
		return 12
	case 4, 5, 15, 19: // STRUCT, UNION, DATASEC, ENUM64
		return 12 * members
	case 6, 13: // ENUM, FUNC_PROTO
		return 8 * members
	}
	return 0
}

// resolve makes the loads of typed variables of the kernel refer to its BTF. One that
// the kernel lacks is EOPNOTSUPP, or 0 where it is weak.
func (k ksyms) resolve(spec *ebpf.CollectionSpec, kernel *btf.Spec) error {
	for _, p := range spec.Programs {
		for i := range p.Instructions {
			ins := &p.Instructions[i]
			name := ins.Reference()
			symbol, ok := k[name]
			if !ok || !ins.OpCode.IsDWordLoad() {
				continue
			}
			id, err := variableID(kernel, name, symbol.typ)
			absent := errors.Is(err, btf.ErrNotFound)
			if err != nil && !(absent && symbol.weak) {
				return err
			}
			*ins = withoutReference(*ins)
			ins.Constant = int64(id)
			if !absent {
				ins.Src = pseudoBTFID
			}
		}
	}
	return nil
}

// variableID finds a variable in the kernel's BTF.
func variableID(kernel *btf.Spec, name string, t btf.Type) (btf.TypeID, error) {
	var v *btf.Var
	if err := kernel.TypeByName(name, &v); err != nil {
		return 0, fmt.Errorf("the kernel's BTF has no variable %s: %w (%w)", name, err, errors.ErrUnsupported)
	}
	if err := btf.CheckTypeCompatibility(t, v.Type); err != nil {
		return 0, fmt.Errorf("the kernel's variable %s has another type: %w: %w", name, err, unix.EINVAL)
	}
	return kernel.TypeID(v)
}

// withoutReference returns an instruction that the library does not take for a reference
// to a symbol any more. What else it knows of it stays.
func withoutReference(ins asm.Instruction) asm.Instruction {
	plain := ins.WithMetadata(asm.Metadata{}).WithSymbol(ins.Symbol()).WithSource(ins.Source())
	if f := btf.FuncMetadata(&ins); f != nil {
		plain = btf.WithFuncMetadata(plain, f)
	}
	return plain
}
