// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// A scan that lists the threads of each process waits for four messages a process:
// OPENDIR, the GETATTR of opendir(3), and two READDIRPLUS, the last of which finds
// nothing. The first does the work of all; and where there is but one thread, of which
// the kernel keeps the list, the last two are not sent (keep.go).

// listThreads gives a listing the threads of a process, in procfs's order. Those that
// are not there any more the kernel is to forget.
func (m *Mount) listThreads(l *listing, p *process) error {
	l.asof, l.entries, l.threads = time.Now(), l.entries[:0], l.threads[:0]
	if m.listAlone(l, p) {
		return nil
	}
	number := m.nextList()
	dir, st, err := m.openThreads(p)
	if err != nil {
		return unix.ENOENT
	}
	defer unix.Close(dir)
	err = m.native.entries(dir, 4096, func(e entry) bool {
		if k, err := m.current(p, dir, e.name); err == nil {
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

// listAlone does so where the process is known to have but the thread that it is known
// by, and no other.
func (m *Mount) listAlone(l *listing, p *process) bool {
	var st unix.Stat_t
	err := unix.Fstatat(m.native.fd, p.name()+"/task", &st, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || st.Ino != p.threadsInode.Load() || st.Nlink != linksOfOne {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := p.threads[p.pid]
	if k == nil || len(p.threads) > 1 || k.uid != st.Uid || k.gid != st.Gid {
		return false
	}
	l.entries, l.threads = append(l.entries, entry{k.name(), unix.S_IFDIR}), append(l.threads, k)
	p.threadsSeen = seen{l.asof, st}
	return true
}

// linksOfOne is how many links the native directory has that one thread is in: one for
// each, and two.
const linksOfOne = 3

// alone reports whether a listing is of one thread, that the process is known by.
func (l *listing) alone() bool { return len(l.threads) == 1 && l.threads[0].leads() }

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
	dir, _, err := m.openThreads(p)
	if err != nil {
		return unix.ENOENT
	}
	defer unix.Close(dir)
	return m.lookupTask(p, dir, name, out)
}
