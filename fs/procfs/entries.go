// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// entries makes what a READDIR is answered from: at the beginning anew, as procfs does.
func (m *Mount) entries(cancel <-chan struct{}, l *listing, in *fuse.ReadIn) error {
	switch {
	case in.Offset == 0:
	case l.scan && time.Since(l.asof) > m.config.Freshness/2:
		return m.take(cancel, l, in.Pid, false)
	default:
		return nil
	}
	k, index := m.task(in.NodeId)
	if k != nil && index == threads {
		opened := l.opened
		l.opened = false
		if opened && time.Since(l.asof) < linger {
			return nil // as OPENDIR has found them
		}
		err := m.listThreads(l, k.process)
		m.listedAgain(l, k.process)
		return err
	}
	l.entries, l.processes = nil, nil
	if k != nil {
		return m.taskEntries(l, k)
	}
	if in.NodeId != rootID {
		return nil // a placeholder
	}
	err := m.native.list(m.native.fd, ".", 4096, func(e entry) bool {
		_, is := parsePID(e.name)
		if !is {
			if m.isLink(e.name, e.mode) {
				e.mode = unix.S_IFLNK
			}
			l.entries = append(l.entries, e)
		}
		return !is
	})
	if err != nil {
		return err
	}
	return m.take(cancel, l, in.Pid, true)
}

// take gives a listing the processes that there are now.
func (m *Mount) take(cancel <-chan struct{}, l *listing, tid uint32, begins bool) error {
	m.mu.Lock()
	m.hold()
	m.mu.Unlock()
	defer m.release()
	list, err := m.list(cancel, tid, begins)
	if err != nil {
		return err
	}
	l.asof, l.processes = list.asof, list.processes
	m.mu.Lock()
	defer m.mu.Unlock()
	if !l.scan {
		l.scan = true
		m.scans.open++
	}
	return nil
}

// taskEntries gives a listing what is in the directory of a process or thread.
func (m *Mount) taskEntries(l *listing, k *task) error {
	dir, _, err := m.open(k)
	if err != nil {
		return unix.ENOENT
	}
	defer unix.Close(dir)
	return m.native.list(dir, ".", 4096, func(e entry) bool {
		index := m.fileIndex(k, e.name)
		if _, hot := hotFile(index); !hot && index != threads {
			e.mode = unix.S_IFLNK
		}
		l.entries = append(l.entries, e)
		return true
	})
}
