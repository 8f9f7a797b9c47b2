// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/tests/need"
)

// Every type of map that this kernel has is made, and its elements are shown or
// the reason why not is told.
func TestElementsOfEveryType(t *testing.T) {
	m := newMount(t)
	types, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	var enum *btf.Enum
	if err := types.TypeByName("bpf_map_type", &enum); err != nil {
		t.Fatal(err)
	}
	kinds := mapKinds()
	tested := map[uint64]bool{}
	for _, v := range enum.Values {
		name, isType := strings.CutPrefix(v.Name, "BPF_MAP_TYPE_")
		name = strings.TrimSuffix(strings.ToLower(name), "_deprecated")
		if !isType || name == "unspec" || name == "struct_ops" || tested[v.Value] { // struct_ops has a test of its own
			continue
		}
		tested[v.Value] = true
		kind, ok := kinds[name]
		if !ok {
			t.Errorf("no test for %s, which this kernel has", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			if slices.Contains(noLock, name) && !canAllocateWithoutLock(t) {
				t.Skip("this kernel needs cmpxchg16b for it, which this (virtual) CPU has not")
			}
			kind.spec.Name = "a_" + name[:min(len(name), 10)]
			made, err := ebpf.NewMap(&kind.spec)
			if err != nil {
				if kernelHas(t, kind.kernel) {
					t.Fatalf("create one, as this kernel should: %v", err)
				}
				t.Skipf("this kernel was built without: %v", err)
			}
			t.Cleanup(func() { made.Close() })
			if target := socketTargets[name]; target != "" {
				need.Iterator(t, target)
			}
			if kind.reason != "" {
				m.cannotRead(t, made, kind.reason)
				return
			}
			if kind.fill != nil {
				kind.fill(t, made)
			}
			rows, objects := m.elements(t, made)
			all := regexp.MustCompile("^" + strings.Join(kind.rows, "\n") + "$")
			if len(rows) != len(kind.rows) && len(kind.rows) != 0 || !all.MatchString(strings.Join(rows, "\n")) {
				t.Errorf("rows are\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(kind.rows, "\n"))
			}
			if len(objects) == 0 {
				t.Error("the twin has no elements")
			}
		})
	}
}

// canAllocateWithoutLock reports whether kmalloc_nolock() works, where the kernel
// has it: not without cmpxchg16b, which the emulator's bugs keep from its CPU.
func canAllocateWithoutLock(t testing.TB) bool {
	t.Helper()
	if !kernelHas(t, "kfree_nolock") {
		return true
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(info), " cx16 ")
}

// cannotRead checks that reading is refused and that the status tells why.
func (m *mount) cannotRead(t testing.TB, of *ebpf.Map, reason string) {
	t.Helper()
	_, err := os.ReadFile(m.path("maps/" + mapID(t, of) + "/elements"))
	if !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("reading gives %v, not EOPNOTSUPP", err)
	}
	if last := m.status(t, "last_error"); len(last) != 1 || !strings.Contains(last[0], reason) {
		t.Errorf("the last error is %q, without %q", last, reason)
	}
}

// The numbers that maps of maps and of programs hold are those of the objects.
func TestElementsThatAreObjects(t *testing.T) {
	m := newMount(t)
	inner := &ebpf.MapSpec{Name: "inner", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}
	outer := newMap(t, &ebpf.MapSpec{Name: "outer", Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 4, InnerMap: inner})
	held := newMap(t, inner)
	put(t, outer, uint32(2), held)
	rows, objects := m.elements(t, outer)
	id := mapID(t, held)
	number, _ := strconv.ParseFloat(id, 64)
	if len(rows) != 1 || rows[0] != "2 "+id || jsonText(t, objects[0]) != fmt.Sprintf(`{"key":2,"value":%v}`, number) {
		t.Errorf("%q, %v, want the map %s", rows, objects, id)
	}
	calls := newMap(t, &ebpf.MapSpec{Name: "calls", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 4})
	p := newProgram(t, &ebpf.ProgramSpec{Name: "called", Type: ebpf.SocketFilter})
	put(t, calls, uint32(0), p)
	if rows, _ := m.elements(t, calls); len(rows) != 1 || rows[0] != "0 "+progID(t, p) {
		t.Errorf("%q, want the program %s", rows, progID(t, p))
	}
}

// A map that belongs to one program alone is not for iterators of others: it is
// looked up.
func TestElementsOfExclusiveMap(t *testing.T) {
	types, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	var kernel *btf.Struct
	if err := types.TypeByName("bpf_map", &kernel); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(kernel.Members, func(m btf.Member) bool { return m.Name == "excl_prog_sha" }) {
		t.Skip("before Linux 6.18 no map belongs to one program alone")
	}
	hash := make([]byte, 32)
	create := struct {
		mapType, keySize, valueSize, maxEntries uint32
		_                                       [64]byte
		hash                                    unsafe.Pointer
		hashSize, _                             uint32
	}{mapType: uint32(ebpf.Array), keySize: 4, valueSize: 8, maxEntries: 2, hash: unsafe.Pointer(&hash[0]), hashSize: uint32(len(hash))}
	fd, err := bpf.Call(unix.BPF_MAP_CREATE, unsafe.Pointer(&create), unsafe.Sizeof(create))
	if err != nil {
		t.Fatal(err)
	}
	exclusive, err := ebpf.NewMapFromFD(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { exclusive.Close() })
	put(t, exclusive, uint32(1), uint64(7))
	m := newMount(t)
	if rows, _ := m.elements(t, exclusive); !slices.Equal(rows, []string{"0 0000000000000000", "1 0700000000000000"}) {
		t.Errorf("rows are %q", rows)
	}
}
