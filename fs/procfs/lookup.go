// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// forever is how long the kernel may keep what cannot change, or does not without
// a notice.
const forever = 24 * time.Hour

// slack is how much sooner what the kernel may keep for some time ends: it counts
// in its own ticks, of up to 10 ms, and begins when it has the answer.
const slack = 20 * time.Millisecond

// files are the methods that answer requests. Errors, where there is no one to
// tell, are the caller's.
type files struct {
	fuse.RawFileSystem // answers ENOSYS, as for OPEN: then the kernel opens files by itself
	*Mount
}

func newFiles(m *Mount) files { return files{fuse.NewDefaultRawFileSystem(), m} }

func (files) String() string { return "iterfs" }

func (m files) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if h.NodeId == rootID {
		return errno(m.lookupRoot(h, name, out))
	}
	p, index := m.process(h.NodeId)
	if p == nil || index != directory {
		return fuse.ENOENT
	}
	return errno(m.lookupFile(h, p, name, out))
}

func (m *Mount) lookupRoot(h *fuse.InHeader, name string, out *fuse.EntryOut) error {
	if pid, is := parsePID(name); is {
		return m.lookupProcess(pid, out)
	}
	switch name {
	case "self":
		return m.lookupCaller(h.Pid, selfLink, out)
	case "thread-self":
		return m.lookupCaller(h.Pid, threadLink, out)
	}
	out.SetEntryTimeout(forever)
	out.SetAttrTimeout(forever)
	m.mu.Lock()
	out.NodeId = nodeID(0, m.nodes.name(name))
	m.mu.Unlock()
	return m.rootAttr(name, &out.Attr)
}

func (m *Mount) lookupProcess(pid uint32, out *fuse.EntryOut) error {
	asked := time.Now()
	dir, st, err := m.native.process(pid)
	if err != nil {
		return unix.ENOENT
	}
	defer unix.Close(dir)
	m.mu.Lock()
	p := m.nodes.byPID[pid]
	m.mu.Unlock()
	if p == nil || p.inode.Load() != st.Ino || p.uid != st.Uid || p.gid != st.Gid {
		start, err := m.native.start(dir)
		if err != nil {
			return unix.ENOENT
		}
		m.mu.Lock()
		p = m.nodes.find(pid, start, st.Uid, st.Gid)
		m.mu.Unlock()
		p.inode.Store(st.Ino)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entry(p, asked, out)
	return nil
}

// entry tells of a process's directory, as it was at a time. Mount.mu is held.
func (m *Mount) entry(p *process, asof time.Time, out *fuse.EntryOut) {
	m.nodes.byID[p.id], m.nodes.byPID[p.pid] = p, p // it may have been forgotten meanwhile
	p.ref(directory)
	out.NodeId, out.Generation = nodeID(p.id, directory), generation
	m.directoryAttr(p, &out.Attr)
	out.SetEntryTimeout(max(m.config.Freshness-time.Since(asof)-slack, 0))
	out.SetAttrTimeout(forever) // another owner is another directory
}

func (m *Mount) lookupFile(h *fuse.InHeader, p *process, name string, out *fuse.EntryOut) error {
	dir, _, err := m.open(p)
	if err != nil {
		return unix.ENOENT
	}
	defer unix.Close(dir)
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		if unix.Faccessat(dir, Stat.String(), unix.F_OK, 0) == nil {
			out.SetEntryTimeout(forever) // the process is there, so the kernel has no such file
			err = nil
		}
		return err
	}
	out.Generation = generation
	out.SetEntryTimeout(forever)
	out.SetAttrTimeout(forever)
	index := m.fileIndex(name)
	switch f, hot := hotFile(index); {
	case hot:
		size, valid, err := m.size(p, f, dir)
		if err != nil {
			return unix.ENOENT
		}
		fileAttr(&st, size, &out.Attr)
		out.SetAttrTimeout(valid)
	case index >= firstText:
		index = m.lookupText(h.Caller, p, index, dir)
		out.SetEntryTimeout(0)
		linkAttr(&st, m.textOf(p, index), &out.Attr)
	default:
		linkAttr(&st, m.textOf(p, index), &out.Attr)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes.byID[p.id] = p
	p.ref(index)
	out.NodeId = nodeID(p.id, index)
	out.Ino = inode(out.NodeId)
	return nil
}

// fileIndex returns the index of a file of a process by its name.
func (m *Mount) fileIndex(name string) uint64 {
	for f := range NumHot {
		if f.String() == name && m.hot(f) {
			return firstHot + uint64(f)
		}
	}
	if i, is := textIndex(name); is {
		return i
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.nodes.name(name)
}
