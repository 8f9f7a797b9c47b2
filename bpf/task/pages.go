// SPDX-License-Identifier: Apache-2.0

package task

import (
	"bytes"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/native"
)

// The kinds of pages, as the kernel's enum has them.
const (
	filePages = iota
	anonPages
	swapEntries
	shmemPages
)

// of returns how many pages of a kind statm and status count.
func (p *taskPageCounts) of(kind int) uint64 {
	if exactPages() {
		return uint64(max(0, p.Exact[kind]))
	}
	return uint64(max(0, p.Rough[kind]))
}

func (p *taskPageCounts) resident() uint64 {
	return p.of(filePages) + p.of(anonPages) + p.of(shmemPages)
}

// exactPages finds out whether statm and status of this kernel add up what each
// CPU has counted, or show what is left without. Linux 6.2 made the counters so,
// 82241a83cd15 ("mm: fix the inaccurate memory statistics issue for users") of
// 6.16 adds up, and went into releases before; nothing but its effect tells it.
// Where it adds up, each page that is touched shows at once; else many together.
var exactPages = sync.OnceValue(func() bool {
	const pages = 16
	memory, err := unix.Mmap(-1, 0, pages*int(pageSize), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return true
	}
	defer unix.Munmap(memory)
	unix.Madvise(memory, unix.MADV_NOHUGEPAGE) // a kernel without huge pages refuses
	fd, err := native.Openat("self/statm", unix.O_RDONLY)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	shown, last := 0, resident(fd)
	for page := range pages {
		memory[page*int(pageSize)] = 1
		now := resident(fd)
		if now == last+1 {
			shown++
		}
		last = now
	}
	return shown > pages/2
})

// resident is field 2 of an open statm.
func resident(fd int) uint64 {
	var room [128]byte
	n, err := unix.Pread(fd, room[:], 0)
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(room[:n], []byte(" "))
	value, _, _ := bytes.Cut(rest, []byte(" "))
	pages, _ := strconv.ParseUint(string(value), 10, 64)
	return pages
}
