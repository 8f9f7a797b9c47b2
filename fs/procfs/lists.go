// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"time"

	"golang.org/x/sys/unix"

	kernel "github.com/iterfs/iterfs/native"
)

// A list is of the processes that there were at a time. Those who ask while one is
// being made share the next.
type list struct {
	begins    bool            // a scan
	readers   map[uint32]bool // threads that wait for it
	asof      time.Time
	processes []*process
	err       error
	done      chan struct{}
}

// lists is the one that is to be made. Mount.mu guards it.
type lists struct {
	next   *list
	making bool
	begun  time.Time // when the last began that a scan begins with
}

// list returns one that is begun after the call.
func (m *Mount) list(cancel <-chan struct{}, tid uint32, begins bool) (*list, error) {
	m.mu.Lock()
	if m.lists.next == nil {
		m.lists.next = &list{readers: map[uint32]bool{}, done: make(chan struct{})}
	}
	l := m.lists.next
	l.begins = l.begins || begins
	l.readers[tid] = true
	if !m.lists.making {
		m.lists.making = true
		m.work(m.makeLists)
	}
	m.mu.Unlock()
	select {
	case <-l.done:
		return l, l.err
	case <-cancel:
		return nil, unix.EINTR
	}
}

// makeLists makes lists as long as someone waits for one. A scan that begins is to
// see nothing from before: so the window of those before it ends, and no page stays.
func (m *Mount) makeLists() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.lists.next != nil {
		l := m.lists.next
		m.lists.next = nil
		if l.begins {
			m.scans.hold, m.lists.begun = true, time.Now()
			w := m.scans.window
			m.mu.Unlock()
			if w != nil {
				m.endWindow(w)
			}
			m.awaitGrowths()
			m.drop(never)
			m.mu.Lock()
			m.foresee(l.readers)
		}
		m.mu.Unlock()
		m.makeList(l)
		m.mu.Lock()
		m.scans.listed, m.scans.hold = l.asof, false
		close(l.done)
	}
	m.lists.making = false
}

func (m *Mount) makeList(l *list) {
	m.count.lists.Add(1)
	l.asof = time.Now()
	number := m.nextList()
	var found []Process
	l.err = m.config.Source.Sweep(m.ctx, 0, nil, func(s *Process) { found = append(found, *s) })
	m.mu.Lock()
	for _, s := range found {
		p := m.nodes.find(s.PID, kernel.StartTicks(s.Start), s.UID, s.GID)
		p.listed = number
		l.processes = append(l.processes, p)
	}
	m.mu.Unlock()
	if l.err == nil {
		m.forgetGone(nil, number)
	}
}

// forgetGone has the kernel forget the tasks of a directory that are not in its last
// list and have not been looked up since. It would not by itself, as long as it has
// the memory.
func (m *Mount) forgetGone(of *process, number uint64) {
	var names []string
	m.mu.Lock()
	for _, k := range m.nodes.among(of) {
		switch {
		case k.listed >= number:
		case k.refs == 0:
			m.nodes.drop(k)
		case k.listed != 0:
			k.listed = 0
			names = append(names, k.name())
		}
	}
	m.mu.Unlock()
	if len(names) == 0 {
		return
	}
	dir := uint64(rootID)
	if of != nil {
		dir = nodeID(of.id, threads)
	}
	m.work(func() {
		m.forgetting.jobs <- func(n *notifier) {
			for _, name := range names {
				n.forgetName(dir, name)
			}
		}
	})
}
