// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// bits32 becomes a program of 32 bits on x86: it tells that it is ready and reads
// the pipe to its keeper.
func bits32() {
	const base, headers = 0x08048000, 52 + 32
	u16, u32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	ready := fmt.Sprintf("%d\n", os.Getpid())
	code := slices.Concat(
		[]byte{0xb8}, u32(nil, 4), // mov eax, SYS_write
		[]byte{0xbb}, u32(nil, readyFD), // mov ebx, readyFD
		[]byte{0xb9}, u32(nil, base+headers), // mov ecx, ready
		[]byte{0xba}, u32(nil, uint32(len(ready))), // mov edx, its length
		[]byte{0xcd, 0x80},        // int 0x80
		[]byte{0xb8}, u32(nil, 3), // again: mov eax, SYS_read
		[]byte{0xbb}, u32(nil, aliveFD), // mov ebx, aliveFD
		[]byte{0x89, 0xe1},        // mov ecx, esp
		[]byte{0xba}, u32(nil, 1), // mov edx, 1
		[]byte{0xcd, 0x80},        // int 0x80
		[]byte{0x85, 0xc0},        // test eax, eax
		[]byte{0x75, 0xe9},        // jnz again
		[]byte{0xb8}, u32(nil, 1), // mov eax, SYS_exit
		[]byte{0xcd, 0x80}, // int 0x80
	)
	entry := uint32(base + headers + len(ready))
	size := uint32(headers + len(ready) + len(code))

	elf := append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 9)...)
	for _, v := range []uint16{2, 3} { // ET_EXEC, EM_386
		elf = u16(elf, v)
	}
	for _, v := range []uint32{1, entry, 52, 0, 0} {
		elf = u32(elf, v)
	}
	for _, v := range []uint16{52, 32, 1, 0, 0, 0} {
		elf = u16(elf, v)
	}
	for _, v := range []uint32{1, 0, base, base, size, size, 5, 0x1000} { // PT_LOAD, r-x
		elf = u32(elf, v)
	}
	must(os.WriteFile("program", slices.Concat(elf, []byte(ready), code), 0o755))
	must(unix.Exec("program", []string{"program"}, nil))
}
