// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"encoding/binary"
	"os"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A view is the tree as the kernel has it in its caches. It is looked at in ways in
// which the kernel asks nothing of this process, which could not end while it waits
// for itself; and in a copy of the mount, so that it hinders no unmount, and has to
// be closed for the tree to end after one.
type view struct {
	mount  *Mount
	tree   int // of the copy, open with O_PATH; -1: there is none
	anchor int // a file of it, once the kernel has one and would not tell of its closing; -1
}

// resolveCached has openat2 fail where it would ask a filesystem. Since Linux 5.12.
const resolveCached = 0x20

// What does not wait is called by RawSyscall6 here: to announce it to Go's scheduler,
// which then watches the thread, costs as much as the call. Were it to wait for this
// server after all, a garbage collection would wait for it, and everything for that:
// so nothing may be opened here of which the kernel would ask attributes (Connect).

// Somebody who changes the caches, or mounts anything anywhere, may be in the way: so
// it is tried some times, many where it is certain that the caches have it.
const (
	some = 5
	many = 17 // they take 80 ms: each after the first waits twice as long
)

// openCached opens what the kernel has in its caches, by a name that ends with a NUL.
func openCached(dir int, name []byte, flags uint64, tries int) (int, error) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolveCached}
	for try := 1; ; try++ {
		fd, _, errno := unix.RawSyscall6(unix.SYS_OPENAT2, uintptr(dir), uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
		switch {
		case errno == 0:
			return int(fd), nil
		case errno != unix.EAGAIN || try == tries:
			return -1, errno
		}
		if try > some {
			time.Sleep(10 * time.Microsecond << (try - some))
		}
	}
}

// openView opens one. Mount.mu is held.
func (m *Mount) openView() *view {
	v := &view{mount: m, tree: -1, anchor: -1}
	dir, err := openCached(unix.AT_FDCWD, append([]byte(m.Dir), 0), unix.O_PATH, some)
	if err != nil {
		return v
	}
	defer unix.Close(dir)
	v.tree, err = unix.OpenTree(dir, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		v.tree = -1
	}
	return v
}

// anchored returns the anchor.
func (v *view) anchored() int {
	m := v.mount
	m.mu.Lock() // which the answer to a FLUSH takes too
	defer m.mu.Unlock()
	if v.anchor < 0 && m.flushed {
		var err error
		if v.anchor, err = openCached(v.tree, append([]byte(m.nodes.anchor), 0), unix.O_RDONLY, some); err != nil {
			v.anchor = -1
		}
	}
	return v.anchor
}

func (v *view) close() {
	for _, fd := range []int{v.tree, v.anchor} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// handleType is FILEID_INO64_GEN: a node id and a generation, in words.
const handleType = 0x81

// open opens a file of a process. Its directory's name the kernel may no longer have
// or go by; by its number it is found too, and then has to be looked up again.
func (v *view) open(p *process, f File, flags uint64) (int, error) {
	if v.tree < 0 {
		return -1, unix.EAGAIN
	}
	var room [32]byte
	name := strconv.AppendUint(room[:0], uint64(p.pid), 10)
	inside := len(name) + len("/")
	name = append(append(append(name, '/'), f.String()...), 0)
	fd, err := openCached(v.tree, name, flags, 1)
	if err != unix.EAGAIN {
		return fd, err
	}
	anchor := v.anchored()
	if anchor < 0 {
		return openCached(v.tree, name, flags, some)
	}
	var b [12]byte
	id := nodeID(p.id, directory)
	binary.NativeEndian.PutUint32(b[:], uint32(id>>32))
	binary.NativeEndian.PutUint32(b[4:], uint32(id))
	binary.NativeEndian.PutUint32(b[8:], generation)
	dir, err := unix.OpenByHandleAt(anchor, unix.NewFileHandle(handleType, b[:]), unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	return openCached(dir, name[inside:], flags, many)
}

// drop drops a file's pages and leaves its attributes, as no notice does. It reports
// whether they are gone. A page that is being copied to a reader is not dropped, nor
// one that is being read: that takes microseconds, or until this server has a turn.
func (v *view) drop(p *process, f File) bool {
	fd, err := v.open(p, f, unix.O_RDONLY)
	if err != nil {
		return false
	}
	defer unix.RawSyscall6(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0)
	for wait := 20 * time.Microsecond; wait < patience; wait *= 2 {
		if _, _, errno := unix.RawSyscall6(unix.SYS_FADVISE64, uintptr(fd), 0, 0, unix.FADV_DONTNEED, 0, 0); errno != 0 {
			return false
		}
		switch left, err := resident(fd); {
		case err != nil:
			return false
		case !left:
			return true
		}
		time.Sleep(wait)
	}
	return false
}

// resident reports whether the kernel has pages of a file, of 1 MiB or less.
func resident(fd int) (bool, error) {
	var pages unix.Cachestat_t
	var all unix.CachestatRange
	_, _, errno := unix.RawSyscall6(unix.SYS_CACHESTAT, uintptr(fd), uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&pages)), 0, 0, 0)
	switch errno {
	case 0:
		return pages.Cache > 0, nil
	case unix.ENOSYS:
		return residentMapped(fd)
	}
	return false, errno
}

// residentMapped is resident before Linux 6.5.
func residentMapped(fd int) (bool, error) {
	const length = 1 << 20
	mapped, err := unix.Mmap(fd, 0, length, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return false, err
	}
	defer unix.Munmap(mapped)
	in := make([]byte, length/os.Getpagesize())
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&mapped[0])), length, uintptr(unsafe.Pointer(&in[0]))); errno != 0 {
		return false, errno
	}
	return slices.ContainsFunc(in, func(page byte) bool { return page&1 != 0 }), nil
}

// size is that of a file to the kernel.
func (v *view) size(p *process, f File) (uint64, bool) {
	fd, err := v.open(p, f, unix.O_PATH)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	err = unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_SIZE, &st)
	return st.Size, err == nil
}
