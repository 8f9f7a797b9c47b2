// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"cmp"
	"slices"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// firstProcess is the offset of process 0 in a listing of the root, behind the
// entries that are none.
const firstProcess = 1 << 20

// A listing is an open directory.
type listing struct {
	asof      time.Time
	entries   []entry // of the root those that are no process
	processes []*process
	threads   []*task // that the entries are
	scan      bool    // it has listed processes
	opened    bool    // since it has been opened it has not been read
	cached    bool    // the kernel keeps what it reads of it
	// kept is the node of which the kernel may answer from what it keeps, and since when;
	// 0: of none. Mount.mu guards them.
	kept      uint64
	keptSince time.Time
}

func (m files) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	l := &listing{opened: true}
	k, index := m.task(in.NodeId)
	switch {
	case in.NodeId == rootID:
	case k == nil:
		return fuse.Status(unix.ENODEV) // a placeholder that nothing is mounted on
	case index == threads:
		if err := m.listThreads(l, k.process); err != nil {
			return errno(err)
		}
	default:
		if _, err := m.look(k); err != nil {
			return fuse.ENOENT
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handles++
	out.Fh = m.handles
	m.dirs[out.Fh] = l
	if k != nil && index == threads {
		out.OpenFlags = m.keep(l, k.process)
	}
	return 0
}

func (m files) ReleaseDir(in *fuse.ReleaseIn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.dirs[in.Fh]; l.scan {
		m.scans.open--
		if w := m.scans.window; w != nil && m.scans.open == 0 && w.listing {
			w.ended = true
			w.stop()
			m.work(func() { m.endWindow(w) })
		}
	}
	delete(m.dirs, in.Fh)
}

func (m files) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return errno(m.readDir(cancel, in, func(e fuse.DirEntry) *fuse.EntryOut {
		if !out.AddDirEntry(e) {
			return nil
		}
		return new(fuse.EntryOut)
	}))
}

func (m files) ReadDirPlus(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return errno(m.readDir(cancel, in, out.AddDirLookupEntry))
}

// readDir adds entries from an offset on, until add has no room.
func (m *Mount) readDir(cancel <-chan struct{}, in *fuse.ReadIn, add func(fuse.DirEntry) *fuse.EntryOut) error {
	m.mu.Lock()
	l := m.dirs[in.Fh]
	m.mu.Unlock()
	if err := m.entries(cancel, l, in); err != nil {
		return err
	}
	// Entries that the kernel is told nothing of have node id 0.
	for off := in.Offset; off < uint64(len(l.entries)+2); off++ {
		e := fuse.DirEntry{Name: ".", Mode: unix.S_IFDIR, Ino: inode(in.NodeId), Off: off + 1}
		switch off {
		case 0:
		case 1:
			e.Name = ".."
		default:
			e.Name, e.Mode = l.entries[off-2].name, l.entries[off-2].mode
			e.Ino = firstProcess + off
		}
		o := add(e)
		switch {
		case o == nil:
			return nil
		case l.threads != nil && off > 1:
			m.mu.Lock()
			m.entry(l.threads[off-2], l.asof, o)
			m.mu.Unlock()
		case in.NodeId == rootID && e.Name == m.nodes.anchor:
			m.lookupRoot(&in.InHeader, e.Name, o)
		}
	}
	m.mu.Lock() // once: who sweeps takes it for each process
	defer m.mu.Unlock()
	for _, p := range l.from(in.Offset) {
		o := add(fuse.DirEntry{Name: p.name(), Mode: unix.S_IFDIR, Ino: inode(nodeID(p.id, directory)), Off: firstProcess + uint64(p.pid)})
		if o == nil {
			return nil
		}
		m.entry(&p.task, l.asof, o)
	}
	return nil
}

// from returns the processes behind an offset.
func (l *listing) from(offset uint64) []*process {
	if offset < firstProcess {
		return l.processes
	}
	i, _ := slices.BinarySearchFunc(l.processes, offset-firstProcess+1, func(p *process, pid uint64) int {
		return cmp.Compare(uint64(p.pid), pid)
	})
	return l.processes[i:]
}

func (m files) Forget(id, lookups uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes.forget(id, lookups)
}

func (m files) Open(<-chan struct{}, *fuse.OpenIn, *fuse.OpenOut) fuse.Status { return fuse.ENOSYS }

func (m files) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flushed = true
	return fuse.ENOSYS
}

func (m files) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	return fuse.OK
}
