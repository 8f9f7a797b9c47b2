// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"time"
)

// A page is what the kernel was given of a file, to be taken from it at a time.
type page struct {
	process *process
	file    File
	until   time.Time
}

// pages are all that the kernel has. Mount.mu guards them.
type pages struct {
	all     []page
	users   int           // of the view, beside those
	view    *view         // while there are any
	late    time.Duration // how long after its time one was dropped at most
	running bool          // the goroutine that drops them
	growing map[chan struct{}]bool
}

// linger is how long the kernel has the page of a lone READ: as long as the reader
// needs to copy it.
const linger = 2 * time.Millisecond

// hold has the view opened, if it is not, for as long as the caller and the pages
// that he gives the kernel need it. That is done while someone waits for an answer:
// later it could be in the way of an unmount. Mount.mu is held.
func (m *Mount) hold() *view {
	if m.pages.view == nil {
		m.pages.view = m.openView()
	}
	m.pages.users++
	return m.pages.view
}

func (m *Mount) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pages.users--
	if !m.pages.running {
		m.pages.running = true
		m.work(m.dropPages)
	}
}

// expire has what the kernel is given dropped at a time. The view is held, and Mount.mu.
func (m *Mount) expire(p *process, f File, until time.Time) {
	m.pages.all = append(m.pages.all, page{p, f, until})
}

// dropPages drops what is due until there is nothing left.
func (m *Mount) dropPages() {
	for {
		m.mu.Lock()
		if len(m.pages.all) == 0 && m.pages.users == 0 {
			v := m.pages.view
			m.pages.view, m.pages.running = nil, false
			m.mu.Unlock() // before a close, of which the kernel may tell
			v.close()
			return
		}
		next := time.Now().Add(m.config.Freshness)
		for _, p := range m.pages.all {
			if p.until.Before(next) {
				next = p.until
			}
		}
		m.mu.Unlock()
		timer := time.NewTimer(max(time.Until(next), linger))
		select {
		case <-timer.C:
			m.drop(time.Now())
		case <-m.ctx.Done(): // and with the tree all its pages
			m.mu.Lock()
			m.pages.all = nil
			busy := m.pages.users > 0
			m.pages.running = !busy // the last of them has the view closed
			m.mu.Unlock()
			if busy {
				return
			}
		}
		timer.Stop()
	}
}

// drop takes from the kernel what it was given until a time.
func (m *Mount) drop(due time.Time) {
	m.dropping.Lock() // whoever wants them gone waits for those that are being dropped
	defer m.dropping.Unlock()
	m.mu.Lock()
	var drop, keep []page
	for _, p := range m.pages.all {
		if p.until.After(due) || p.process.files[p.file].awaiting() {
			keep = append(keep, p)
		} else {
			drop = append(drop, p)
		}
	}
	m.pages.all = keep
	v := m.hold()
	m.mu.Unlock()
	defer m.release()
	for _, p := range drop {
		m.count.drops.Add(1)
		at := &p.process.files[p.file]
		m.mu.Lock()
		silent, given := m.flushed, at.given
		m.mu.Unlock()
		if !silent || !v.drop(p.process, p.file) {
			m.invalidate(v, p)
		}
		m.mu.Lock()
		at.cached = at.cached && at.given != given // what has been given meanwhile may be there
		m.pages.late = max(m.pages.late, time.Since(p.until))
		m.mu.Unlock()
	}
}

// invalidate drops a page with the file's attributes.
func (m *Mount) invalidate(v *view, p page) {
	at := &p.process.files[p.file]
	m.awaitShrink(v, p)
	m.mu.Lock()
	m.await(at)
	at.told = time.Now() // a READ that is on the way will not correct the size
	m.mu.Unlock()
	m.count.invalidated.Add(1)
	m.pushing.do(func(n *notifier) { n.invalidate(nodeID(p.process.id, firstHot+uint64(p.file))) })
}

// never is a time until which all is due.
var never = time.Unix(1<<40, 0)
