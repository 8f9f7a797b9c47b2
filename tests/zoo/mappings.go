// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
)

// holders are animals for what they hold. Each begins in an empty folder.
var holders = map[string]func(){
	"files":    files,
	"mappings": mappings,
	"32 bits":  bits32,
}

var page = os.Getpagesize()

// mappings has mappings of every kind.
func mappings() {
	setComm("mappings")
	const readWrite = unix.PROT_READ | unix.PROT_WRITE
	for _, flags := range []int{
		unix.MAP_PRIVATE, unix.MAP_SHARED, unix.MAP_PRIVATE | unix.MAP_GROWSDOWN, unix.MAP_PRIVATE | unix.MAP_LOCKED, unix.MAP_PRIVATE | unix.MAP_NORESERVE,
	} {
		for _, prot := range []int{unix.PROT_NONE, unix.PROT_READ, unix.PROT_EXEC, readWrite, readWrite | unix.PROT_EXEC} {
			_, err := mapAt(0, -1, 0, prot, flags|unix.MAP_ANONYMOUS)
			must(err)
		}
	}
	mapAt(0, -1, 0, readWrite, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_HUGETLB) // where some are reserved
	// More than one read of an iterator gives.
	many, err := unix.Mmap(-1, 0, 1500*page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	must(err)
	for at := 0; at < len(many); at += 2 * page {
		must(unix.Mprotect(many[at:at+page], unix.PROT_READ))
	}
	for _, name := range oddNames {
		mapFile(create(name))
	}
	for _, length := range []int{247, 248, 249, 257, 1000, LongestPath, LongestPath + 1, 9000} {
		mapFile(createDeep(length))
	}
	mapFile(create("removed"))
	must(os.Remove("removed"))
	mapFile(unix.MemfdCreate("a b\n\\", 0))
	mapFile(unix.Open("/dev/zero", unix.O_RDWR, 0))
	shm, _, errno := unix.Syscall(unix.SYS_SHMGET, unix.IPC_PRIVATE, uintptr(page), 0o600)
	if errno == 0 {
		unix.Syscall(unix.SYS_SHMAT, shm, 0, 0)
		unix.Syscall(unix.SYS_SHMCTL, shm, unix.IPC_RMID, 0)
	}
	var aio uintptr
	unix.Syscall(unix.SYS_IO_SETUP, 8, uintptr(unsafe.Pointer(&aio)), 0)
	named()
	besideHeap()
	must(thread.Do(stacked))
	ready(os.Getpid())
	idle()
}

// mapAt maps a page.
func mapAt(addr uintptr, fd int, offset int64, prot, flags int) (uintptr, error) {
	at, _, errno := unix.Syscall6(unix.SYS_MMAP, addr, uintptr(page), uintptr(prot), uintptr(flags), uintptr(fd), uintptr(offset))
	if errno != 0 {
		return 0, errno
	}
	return at, nil
}

// mapFile maps a file in two ways and does not keep it open.
func mapFile(fd int, err error) {
	must(err)
	for i, flags := range []int{unix.MAP_PRIVATE, unix.MAP_SHARED} {
		_, err = mapAt(0, fd, int64(2*i*page), unix.PROT_READ|unix.PROT_WRITE, flags)
		must(err)
	}
	must(unix.Close(fd))
}

// named gives mappings names, where the kernel has been built for that.
func named() {
	for i, flags := range []int{unix.MAP_PRIVATE, unix.MAP_SHARED} {
		at, err := mapAt(0, -1, 0, unix.PROT_READ, flags|unix.MAP_ANONYMOUS)
		must(err)
		name := append([]byte("name "+strconv.Itoa(i)), strings.Repeat("x", 72)+"\x00"...)
		unix.Prctl(unix.PR_SET_VMA, unix.PR_SET_VMA_ANON_NAME, at, uintptr(page), uintptr(unsafe.Pointer(&name[0])))
	}
}

// besideHeap makes a heap, and mappings that touch it.
func besideHeap() {
	stat, err := os.ReadFile("/proc/self/stat")
	must(err)
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')'):])
	start, err := strconv.ParseUint(string(fields[45]), 10, 64) // start_brk
	must(err)
	begin := uintptr(start) &^ uintptr(page-1)
	end, _, _ := unix.Syscall(unix.SYS_BRK, begin+uintptr(4*page), 0, 0)
	for _, at := range []uintptr{begin - uintptr(page), end} {
		mapAt(at, -1, 0, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED_NOREPLACE)
	}
}

// stacked maps a file of an overlay, in a mount namespace of its own; where there
// are overlays.
func stacked() error {
	ownMounts()
	must(os.Mkdir("overlay", 0o755))
	must(unix.Mount("tmpfs", "overlay", "tmpfs", 0, ""))
	for _, dir := range []string{"lower", "upper", "work", "merged"} {
		must(os.Mkdir("overlay/"+dir, 0o755))
	}
	must(os.WriteFile("overlay/lower/low", make([]byte, 3*page), 0o644))
	must(os.WriteFile("overlay/upper/up\nper", make([]byte, 3*page), 0o644))
	options := "lowerdir=overlay/lower,upperdir=overlay/upper,workdir=overlay/work"
	if err := unix.Mount("overlay", "overlay/merged", "overlay", 0, options); err == unix.ENODEV {
		return nil
	} else if err != nil {
		return err
	}
	for _, name := range []string{"low", "up\nper"} {
		fd := have(unix.Open("overlay/merged/"+name, unix.O_RDONLY, 0))
		_, err := mapAt(0, fd, 0, unix.PROT_READ, unix.MAP_PRIVATE)
		must(err)
	}
	return nil
}
