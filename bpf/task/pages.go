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
// Where it adds up, each page that is touched shows at once; else many together. What
// other threads touch or free shows likewise.
var exactPages = sync.OnceValue(findExactPages)

func findExactPages() bool {
	const pages, rounds = 32, 8
	fd, err := native.Openat("self/statm", unix.O_RDONLY)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	shown := 0
	for round := 1; ; round++ {
		shown += pagesShown(fd, pages)
		touched := round * pages
		if clear := touched / 8; shown < clear || shown > touched-clear || round == rounds {
			return shown > touched/2
		}
	}
}

// pagesShown touches pages, and counts those after which statm shows another number.
func pagesShown(statm, pages int) (shown int) {
	memory, err := unix.Mmap(-1, 0, pages*int(pageSize), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return pages
	}
	defer unix.Munmap(memory)
	unix.Madvise(memory, unix.MADV_NOHUGEPAGE) // a kernel without huge pages refuses
	last := resident(statm)
	for page := range pages {
		memory[page*int(pageSize)] = 1
		if now := resident(statm); now != last {
			shown, last = shown+1, now
		}
	}
	return shown
}

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
