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
	k, index := m.task(h.NodeId)
	switch {
	case k != nil && index == directory:
		return errno(m.lookupFile(k, name, out))
	case k != nil && index == threads:
		return errno(m.lookupThread(k.process, name, out))
	}
	return fuse.ENOENT
}

func (m *Mount) lookupRoot(h *fuse.InHeader, name string, out *fuse.EntryOut) error {
	if _, is := parsePID(name); is {
		return m.lookupTask(nil, m.native.fd, name, out)
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

// lookupTask looks below dir for a thread of a process, or with nil for a process.
func (m *Mount) lookupTask(of *process, dir int, name string, out *fuse.EntryOut) error {
	asked := time.Now()
	k, err := m.current(of, dir, name)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entry(k, asked, out)
	return nil
}

// entry tells of the directory of a process or thread, as it was at a time. Mount.mu
// is held.
func (m *Mount) entry(k *task, asof time.Time, out *fuse.EntryOut) {
	m.nodes.ref(k, directory)
	out.NodeId, out.Generation = nodeID(k.id, directory), generation
	m.directoryAttr(k, &out.Attr)
	out.SetEntryTimeout(max(m.config.Freshness-time.Since(asof)-slack, 0))
	if k.leads() {
		out.SetEntryTimeout(forever) // it is there as long as the process
	}
	out.SetAttrTimeout(forever) // another owner is another directory
}

func (m *Mount) lookupFile(k *task, name string, out *fuse.EntryOut) error {
	dir, _, err := m.open(k)
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
	index := m.fileIndex(k, name)
	out.SetEntryTimeout(forever)
	valid, err := m.attributes(k, index, dir, &st, &out.Attr)
	if err != nil {
		return unix.ENOENT
	}
	out.SetAttrTimeout(valid)
	out.NodeId, out.Generation = nodeID(k.id, index), generation
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes.ref(k, index)
	return nil
}

// fileIndex returns the index of a file of a process or thread by its name.
func (m *Mount) fileIndex(k *task, name string) uint64 {
	if !k.isThread() {
		if name == "task" {
			return threads
		}
		for f := range NumHot {
			if f.String() == name && m.hot(f) {
				return firstHot + uint64(f)
			}
		}
	}
	if i, is := textIndex(name); is {
		return i
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.nodes.name(name)
}

// fileName returns the name that has an index.
func (m *Mount) fileName(index uint64) string {
	f, hot := hotFile(index)
	switch {
	case hot:
		return f.String()
	case index == threads:
		return "task"
	case index >= firstText:
		return textNames[(index-firstText)/texts]
	}
	return m.nameOf(index)
}
