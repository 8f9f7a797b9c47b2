// SPDX-License-Identifier: Apache-2.0

package bpfmapelem

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/btftext"
	"github.com/iterfs/iterfs/bpf/sockmap"
)

// mapInfo is struct bpf_map_info, of which the library hides some.
type mapInfo struct {
	mapType                              ebpf.MapType
	_                                    uint32 // id
	keySize, valueSize, maxEntries       uint32
	_                                    uint32 // map_flags
	_                                    [16]byte
	_                                    uint32 // ifindex
	vmlinuxValueType                     uint32
	_                                    [2]uint64 // of the netns of an offloaded map
	btfID, keyType, valueType, vmlinuxID uint32
}

// describe finds out how to read a map and how to print what comes.
func describe(m *ebpf.Map, form bpf.Form) (*elements, error) {
	var info mapInfo
	if err := bpf.Info(m.FD(), &info); err != nil {
		return nil, fmt.Errorf("read the map's description: %w", err)
	}
	e := &elements{
		kind:       kinds[info.mapType],
		keySize:    int(info.keySize),
		valueSize:  int(info.valueSize),
		maxEntries: info.maxEntries,
		stride:     int(info.valueSize),
		cpus:       1,
		json:       form == bpf.JSON,
	}
	if e.kind.perCPU {
		cpus, err := ebpf.PossibleCPU()
		if err != nil {
			return nil, err
		}
		e.cpus, e.stride = cpus, (e.valueSize+7)&^7
	}
	key, value, err := info.types()
	if err != nil {
		return nil, fmt.Errorf("read the map's BTF: %w", err)
	}
	// What the kernel gives is not what the map's BTF tells of.
	u32 := &btf.Int{Size: 4}
	switch e.kind.by {
	case indexes:
		key = u32
	case sockets:
		e.valueSize, e.stride = int(sockmap.ValueSize), int(sockmap.ValueSize)
	case socketStorage:
		e.keySize, key = 8, &btf.Int{Size: 8}
	}
	if e.kind.ids {
		value = u32
	}
	e.key, e.value = printerOf(key, e.keySize, form), printerOf(value, e.valueSize, form)
	if e.kind.by == sockets {
		e.value = sockmap.NewPrinter(form)
	}
	return e, nil
}

// printerOf falls back on hexadecimal for a type that there is not, or that has
// no text.
func printerOf(t btf.Type, size int, form bpf.Form) printer {
	if t != nil {
		if p, err := btftext.New(t, size, form); err == nil {
			return p
		}
	}
	return btftext.Hex(size, form)
}

// types finds the BTF types of the map's key and value; nil for those it has not.
func (i *mapInfo) types() (key, value btf.Type, err error) {
	switch {
	case i.vmlinuxValueType != 0: // struct_ops: the kernel's own type, or a module's
		spec, err := kernelTypes(i.vmlinuxID)
		if err != nil {
			return nil, nil, err
		}
		value, err = spec.TypeByID(btf.TypeID(i.vmlinuxValueType))
		return nil, value, err
	case i.btfID == 0:
		return nil, nil, nil
	}
	h, err := btf.NewHandleFromID(btf.ID(i.btfID))
	if err != nil {
		return nil, nil, err
	}
	defer h.Close()
	spec, err := h.Spec(nil)
	if err != nil {
		return nil, nil, err
	}
	if i.keyType != 0 {
		if key, err = spec.TypeByID(btf.TypeID(i.keyType)); err != nil {
			return nil, nil, err
		}
	}
	if i.valueType != 0 {
		value, err = spec.TypeByID(btf.TypeID(i.valueType))
	}
	return key, value, err
}

// kernelTypes are those of the kernel, or of the module that a BTF object is of.
func kernelTypes(id uint32) (*btf.Spec, error) {
	vmlinux, err := btf.LoadKernelSpec()
	if err != nil || id == 0 {
		return vmlinux, err
	}
	h, err := btf.NewHandleFromID(btf.ID(id))
	if err != nil {
		return nil, err
	}
	defer h.Close()
	info, err := h.Info()
	if err != nil || !info.IsModule() {
		return vmlinux, err
	}
	return h.Spec(vmlinux)
}
