// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// A scan that lists the threads of each process waits for four messages a process:
// OPENDIR, the GETATTR of opendir(3), and two READDIRPLUS, the last of which finds
// nothing. The first does the work of all.

// openThreads opens the native directory of a process's threads to list it; ESRCH
// when the process has ended.
func (m *Mount) openThreads(p *process) (fd int, st unix.Stat_t, err error) {
	fd, err = m.native.open(m.native.fd, p.name()+"/task", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return -1, st, unix.ESRCH
	}
	if err = unix.Fstat(fd, &st); err == nil && p.threadsInode.Load() != st.Ino {
		var start uint64
		if start, err = m.native.start(fd, "../stat"); err == nil && start != p.start {
			err = unix.ESRCH // the pid is another's by now
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, st, unix.ESRCH
	}
	p.threadsInode.Store(st.Ino)
	return fd, st, nil
}

// listThreads gives a listing the threads of a process, in procfs's order. Those that
// are not there any more the kernel is to forget.
func (m *Mount) listThreads(l *listing, p *process) error {
	m.mu.Lock()
	number := m.nodes.number()
	m.mu.Unlock()
	l.asof, l.entries, l.threads = time.Now(), l.entries[:0], l.threads[:0]
	fd, st, err := m.openThreads(p)
	if err != nil {
		return unix.ENOENT
	}
	defer unix.Close(fd)
	err = m.native.entries(fd, 4096, func(e entry) bool {
		tid, _ := parsePID(e.name)
		if k, err := m.current(p, tid, fd, e.name); err == nil {
			l.entries, l.threads = append(l.entries, e), append(l.threads, k)
		}
		return true
	})
	if err != nil {
		return err
	}
	m.mu.Lock()
	p.threadsSeen = seen{l.asof, st}
	for _, k := range l.threads {
		k.listed = number
	}
	m.mu.Unlock()
	m.forgetGone(p, number)
	return nil
}

// seen are the attributes that a native file had at a time.
type seen struct {
	at time.Time
	st unix.Stat_t
}

// threadsAttr answers who has just opened the directory, which told its attributes.
func (m *Mount) threadsAttr(p *process, out *fuse.Attr) (valid time.Duration, ok bool) {
	m.mu.Lock()
	s := p.threadsSeen
	m.mu.Unlock()
	age := time.Since(s.at)
	if age > linger {
		return 0, false
	}
	valid, _ = m.attributes(&p.task, threads, -1, &s.st, out)
	return valid - age, true
}

func (m *Mount) lookupThread(p *process, name string, out *fuse.EntryOut) error {
	asked := time.Now()
	tid, is := parsePID(name)
	fd, _, err := m.openThreads(p)
	if err != nil || !is {
		return unix.ENOENT
	}
	defer unix.Close(fd)
	k, err := m.current(p, tid, fd, name)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entry(k, asked, out)
	return nil
}
