// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// A view is the tree as the kernel has it in its caches. It is looked at in ways in
// which the kernel asks nothing of this process, which could not end while it waits
// for itself; and in a copy of the mount, so that it hinders no unmount, and has to
// be closed for the tree to end after one.
type view struct {
	tree   int // of the copy, open with O_PATH; -1: there is none
	anchor int // a file of it; -1

	process *process // whose directory is open
	dir     int
}

// resolveCached has openat2 fail where it would ask a filesystem. Since Linux 5.12.
const resolveCached = 0x20

func openCached(dir int, name string, flags uint64) (int, error) {
	return unix.Openat2(dir, name, &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolveCached})
}

func (m *Mount) openView() *view {
	v := &view{tree: -1, anchor: -1, dir: -1}
	dir, err := openCached(unix.AT_FDCWD, m.Dir, unix.O_PATH)
	if err != nil {
		return v
	}
	defer unix.Close(dir)
	v.tree, err = unix.OpenTree(dir, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		v.tree = -1
		return v
	}
	if v.anchor, err = openCached(v.tree, m.nodes.anchor, unix.O_RDONLY); err != nil {
		v.anchor = -1
	}
	return v
}

func (v *view) close() {
	for _, fd := range []int{v.tree, v.anchor, v.dir} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// handleType is FILEID_INO64_GEN: a node id and a generation, in words.
const handleType = 0x81

// directory opens that of a process. Its name the kernel may no longer have or go
// by; by its number it is found too, and then the name has to be looked up again.
func (v *view) directory(p *process) (int, error) {
	if v.process == p {
		return v.dir, nil
	}
	if v.dir >= 0 {
		unix.Close(v.dir)
	}
	v.process, v.dir = nil, -1
	fd, err := openCached(v.tree, p.name(), unix.O_PATH|unix.O_DIRECTORY)
	if err == unix.EAGAIN && v.anchor >= 0 {
		var b [12]byte
		id := nodeID(p.id, directory)
		binary.NativeEndian.PutUint32(b[:], uint32(id>>32))
		binary.NativeEndian.PutUint32(b[4:], uint32(id))
		binary.NativeEndian.PutUint32(b[8:], generation)
		fd, err = unix.OpenByHandleAt(v.anchor, unix.NewFileHandle(handleType, b[:]), unix.O_PATH|unix.O_CLOEXEC)
	}
	if err != nil {
		return -1, err
	}
	v.process, v.dir = p, fd
	return fd, nil
}

func (v *view) open(p *process, f File, flags uint64) (int, error) {
	if v.tree < 0 {
		return -1, unix.EAGAIN
	}
	dir, err := v.directory(p)
	if err != nil {
		return -1, err
	}
	return openCached(dir, f.String(), flags)
}

// drop drops a file's pages and leaves its attributes, as no notice does. It
// reports whether they are gone.
func (v *view) drop(p *process, f File) bool {
	fd, err := v.open(p, f, unix.O_RDONLY)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED) != nil {
		return false
	}
	var left unix.Cachestat_t
	err = unix.Cachestat(uint(fd), &unix.CachestatRange{}, &left, 0)
	return err == nil && left.Cache == 0 // a reader in the midst of a page keeps it
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
