// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// Types and flags that the library's constants lack.
const (
	insnArray ebpf.MapType = 34
	rhash     ebpf.MapType = 35

	noPrealloc = unix.BPF_F_NO_PREALLOC
	mmapable   = unix.BPF_F_MMAPABLE
)

// A mapKind is a type of map, with elements.
type mapKind struct {
	spec ebpf.MapSpec
	// kernel is the function of kernels that have the type: some leave it out.
	kernel string
	fill   func(t testing.TB, m *ebpf.Map)
	// rows are regular expressions; nil where there are no elements to be seen.
	rows []string
	// reason is a part of the error, where the type cannot be read.
	reason string
}

// noLock are the types that newer kernels allocate memory for without a lock.
var noLock = []string{"sk_storage", "arena"}

// socketTargets are what visits the types that bpf(2) does not tell sockets of.
var socketTargets = map[string]string{"sockmap": "sockmap", "sockhash": "sockmap", "sk_storage": "bpf_sk_storage_map"}

func mapKinds() map[string]mapKind {
	numbers := func(t testing.TB, m *ebpf.Map) {
		for i := range uint32(3) {
			put(t, m, i, uint64(i)+16)
		}
	}
	counts := func(t testing.TB, m *ebpf.Map) {
		values := make([]uint64, ebpf.MustPossibleCPU())
		for i := range values {
			values[i] = uint64(i) + 16
		}
		put(t, m, uint32(1), values)
	}
	hexRows := []string{"00000000 1000000000000000", "01000000 1100000000000000", "02000000 1200000000000000"}
	var cpuRows, indexRows, cgroupRows []string
	for cpu := range ebpf.MustPossibleCPU() {
		cpuRows = append(cpuRows, fmt.Sprintf("01000000 %d %02x00000000000000", cpu, cpu+16))
		indexRows = append(indexRows, fmt.Sprintf("1 %d %02x00000000000000", cpu, cpu+16), fmt.Sprintf("0 %d 0000000000000000", cpu))
		cgroupRows = append(cgroupRows, fmt.Sprintf("[0-9a-f]{32} %d 0000000000000000", cpu))
	}
	slices.Sort(indexRows)
	inner := ebpf.MapSpec{Name: "inner", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}
	socket := `{ino=\d+,cookie=\d+,family=inet,type=stream,protocol=tcp,state=ESTABLISHED,local=127.0.0.1:\d+,remote=127.0.0.1:\d+}`
	storage := func(t ebpf.MapType) ebpf.MapSpec {
		return ebpf.MapSpec{Type: t, KeySize: 4, ValueSize: 8, Flags: noPrealloc, Key: s32Type, Value: flowType}
	}
	return map[string]mapKind{
		"hash":             {ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 9}, "htab_map_alloc", numbers, hexRows, ""},
		"lru_hash":         {ebpf.MapSpec{Type: ebpf.LRUHash, KeySize: 4, ValueSize: 8, MaxEntries: 9}, "htab_map_alloc", numbers, hexRows, ""},
		"rhash":            {ebpf.MapSpec{Type: rhash, KeySize: 4, ValueSize: 8, MaxEntries: 9, Flags: noPrealloc}, "rhtab_map_alloc", numbers, hexRows, ""},
		"percpu_hash":      {ebpf.MapSpec{Type: ebpf.PerCPUHash, KeySize: 4, ValueSize: 8, MaxEntries: 9}, "htab_map_alloc", counts, cpuRows, ""},
		"lru_percpu_hash":  {ebpf.MapSpec{Type: ebpf.LRUCPUHash, KeySize: 4, ValueSize: 8, MaxEntries: 9}, "htab_map_alloc", counts, cpuRows, ""},
		"array":            {ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 3}, "array_map_alloc", numbers, []string{"0 1000000000000000", "1 1100000000000000", "2 1200000000000000"}, ""},
		"percpu_array":     {ebpf.MapSpec{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 2}, "array_map_alloc", counts, indexRows, ""},
		"lpm_trie":         {ebpf.MapSpec{Type: ebpf.LPMTrie, KeySize: 8, ValueSize: 8, MaxEntries: 9, Flags: noPrealloc}, "trie_alloc", prefixes, []string{"080000000a010203 0800000000000000", "180000000a010203 1800000000000000", "200000000a010203 2000000000000000"}, ""},
		"prog_array":       {ebpf.MapSpec{Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 5}, "prog_array_map_alloc", aProgram, []string{`3 \d+`}, ""},
		"array_of_maps":    {ebpf.MapSpec{Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 5, InnerMap: &inner}, "array_of_map_alloc", aMap, []string{`3 \d+`}, ""},
		"hash_of_maps":     {ebpf.MapSpec{Type: ebpf.HashOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 5, InnerMap: &inner}, "htab_of_map_alloc", aMap, []string{`03000000 \d+`}, ""},
		"stack_trace":      {ebpf.MapSpec{Type: ebpf.StackTrace, KeySize: 4, ValueSize: 16, MaxEntries: 64}, "stack_map_alloc", aStack, []string{`\d+ [0-9a-f]{32}`}, ""},
		"devmap":           {ebpf.MapSpec{Type: ebpf.DevMap, KeySize: 4, ValueSize: 4, MaxEntries: 3}, "dev_map_alloc", loopback, []string{"2 01000000"}, ""},
		"devmap_hash":      {ebpf.MapSpec{Type: ebpf.DevMapHash, KeySize: 4, ValueSize: 4, MaxEntries: 3}, "dev_map_alloc", loopback, []string{"02000000 01000000"}, ""},
		"cpumap":           {ebpf.MapSpec{Type: ebpf.CPUMap, KeySize: 4, ValueSize: 4, MaxEntries: 2}, "cpu_map_alloc", aQueue, []string{"0 10000000"}, ""},
		"sockmap":          {ebpf.MapSpec{Type: ebpf.SockMap, KeySize: 4, ValueSize: 8, MaxEntries: 5}, "sock_map_alloc", connections, []string{"01000000 " + socket, "03000000 " + socket}, ""},
		"sockhash":         {ebpf.MapSpec{Type: ebpf.SockHash, KeySize: 4, ValueSize: 4, MaxEntries: 5}, "sock_hash_alloc", connections, []string{"01000000 " + socket, "03000000 " + socket}, ""},
		"sk_storage":       {storage(ebpf.SkStorage), "bpf_sk_storage_map_alloc", ofSocket, []string{`\d+ {addr=1,port=2,proto=3,up=true}`}, ""},
		"queue":            {ebpf.MapSpec{Type: ebpf.Queue, ValueSize: 8, MaxEntries: 5}, "queue_stack_map_alloc", pushed, []string{"- 1000000000000000"}, ""},
		"stack":            {ebpf.MapSpec{Type: ebpf.Stack, ValueSize: 8, MaxEntries: 5}, "queue_stack_map_alloc", pushed, []string{"- 1200000000000000"}, ""},
		"cgroup_storage":   {ebpf.MapSpec{Type: ebpf.CGroupStorage, KeySize: 16, ValueSize: 8}, "cgroup_storage_map_alloc", ofCgroup, []string{"[0-9a-f]{32} 0000000000000000"}, ""},
		"insn_array":       {ebpf.MapSpec{Type: insnArray, KeySize: 4, ValueSize: 16, MaxEntries: 1}, "insn_array_alloc", nil, []string{"0 [0-9a-f]{32}"}, ""},
		"perf_event_array": {ebpf.MapSpec{Type: ebpf.PerfEventArray, KeySize: 4, ValueSize: 4, MaxEntries: 5}, "perf_event_fd_array_get_ptr", nil, nil, "perf events"},
		"cgroup_array":     {ebpf.MapSpec{Type: ebpf.CGroupArray, KeySize: 4, ValueSize: 4, MaxEntries: 5}, "cgroup_fd_array_get_ptr", nil, nil, "which cgroups"},
		"xskmap":           {ebpf.MapSpec{Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: 5}, "xsk_map_alloc", nil, nil, "which sockets"},
		"ringbuf":          {ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 4096}, "ringbuf_map_alloc", nil, nil, "consumes it"},
		"user_ringbuf":     {ebpf.MapSpec{Type: ebpf.UserRingbuf, MaxEntries: 4096}, "ringbuf_map_alloc", nil, nil, "user space writes"},
		"bloom_filter":     {ebpf.MapSpec{Type: ebpf.BloomFilter, ValueSize: 4, MaxEntries: 100}, "bloom_map_alloc", nil, nil, "bloom filter"},
		"inode_storage":    {storage(ebpf.InodeStorage), "inode_storage_map_alloc", nil, nil, "descriptor of its inode"},
		"task_storage":     {storage(ebpf.TaskStorage), "task_storage_map_alloc", nil, nil, "pidfd"},
		"cgrp_storage":     {storage(ebpf.CgroupStorage), "cgroup_storage_map_alloc", nil, nil, "descriptor of its cgroup"},
		"arena":            {ebpf.MapSpec{Type: ebpf.Arena, MaxEntries: 1, Flags: mmapable}, "arena_map_alloc", nil, nil, "memory"},

		"reuseport_sockarray":   {ebpf.MapSpec{Type: ebpf.ReusePortSockArray, KeySize: 4, ValueSize: 8, MaxEntries: 3}, "reuseport_array_alloc", listener, []string{`1 [0-9a-f]{16}`}, ""},
		"percpu_cgroup_storage": {ebpf.MapSpec{Type: ebpf.PerCPUCGroupStorage, KeySize: 16, ValueSize: 8}, "cgroup_storage_map_alloc", ofCgroup, cgroupRows, ""},
	}
}

func prefixes(t testing.TB, m *ebpf.Map) {
	for _, length := range []uint32{8, 24, 32} {
		put(t, m, bytesOf(length, []byte{10, 1, 2, 3}), uint64(length))
	}
}

func aProgram(t testing.TB, m *ebpf.Map) {
	put(t, m, uint32(3), newProgram(t, &ebpf.ProgramSpec{Name: "called", Type: ebpf.SocketFilter}))
}

func aMap(t testing.TB, m *ebpf.Map) {
	put(t, m, uint32(3), newMap(t, &ebpf.MapSpec{Name: "inner", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}))
}

func loopback(t testing.TB, m *ebpf.Map) { put(t, m, uint32(2), uint32(1)) }

func aQueue(t testing.TB, m *ebpf.Map) { put(t, m, uint32(0), uint32(16)) }

func pushed(t testing.TB, m *ebpf.Map) {
	for i := range uint64(3) {
		put(t, m, nil, 16+i)
	}
}

// aStack has a program take the stack that it runs on.
func aStack(t testing.TB, m *ebpf.Map) {
	p := newProgram(t, &ebpf.ProgramSpec{Name: "stack", Type: ebpf.RawTracepoint, Instructions: asm.Instructions{
		asm.LoadMapPtr(asm.R2, m.FD()), asm.Mov.Imm(asm.R3, 0), asm.FnGetStackid.Call(), asm.Mov.Imm(asm.R0, 0), asm.Return(),
	}})
	if _, err := p.Run(&ebpf.RunOptions{}); err != nil {
		t.Fatal(err)
	}
}

// connections are two ends of one connection over the loopback of a namespace.
func connections(t testing.TB, m *ebpf.Map) {
	err := zoo.NewNetNS(t).Do(func() error {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		for key := range uint32(2) {
			c, err := net.Dial("tcp4", l.Addr().String())
			if err != nil {
				return err
			}
			t.Cleanup(func() { c.Close() })
			putSocket(t, m, 2*key+1, c.(*net.TCPConn))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// putSocket makes a socket an element; the map has values of 4 or 8 bytes.
func putSocket(t testing.TB, m *ebpf.Map, key uint32, c interface {
	File() (*os.File, error)
}) {
	t.Helper()
	f, err := c.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if m.ValueSize() == 4 {
		put(t, m, key, uint32(f.Fd()))
	} else {
		put(t, m, key, uint64(f.Fd()))
	}
}

func ofSocket(t testing.TB, m *ebpf.Map) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	put(t, m, int32(f.Fd()), bytesOf(uint32(1), uint16(2), uint8(3), uint8(1)))
}

// listener is a socket of a port that several may share.
func listener(t testing.TB, m *ebpf.Map) {
	err := zoo.NewNetNS(t).Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { unix.Close(fd) })
		return errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
			unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 1), m.Put(uint32(1), uint64(fd)))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ofCgroup attaches a program that uses the map, which gives a cgroup its storage.
func ofCgroup(t testing.TB, m *ebpf.Map) {
	p := newProgram(t, &ebpf.ProgramSpec{Name: "stores", Type: ebpf.CGroupSKB, AttachType: ebpf.AttachCGroupInetEgress, Instructions: asm.Instructions{
		asm.LoadMapPtr(asm.R1, m.FD()), asm.Mov.Imm(asm.R2, 0), asm.FnGetLocalStorage.Call(), asm.Mov.Imm(asm.R0, 1), asm.Return(),
	}})
	path, _ := newCgroup(t)
	l, err := link.AttachCgroup(link.CgroupOptions{Path: path, Attach: ebpf.AttachCGroupInetEgress, Program: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}
