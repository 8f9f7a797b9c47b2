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
	running bool          // the goroutine that drops them
	now     chan struct{} // has it drop all
}

// linger is how long the kernel has the page of a lone READ: as long as the reader
// needs to copy it.
const linger = 2 * time.Millisecond

// keep notes what the kernel is given. Mount.mu is held.
func (m *Mount) keep(p *process, f File, until time.Time) {
	p.files[f].cached = true
	m.pages.all = append(m.pages.all, page{p, f, until})
	if !m.pages.running {
		m.pages.running = true
		m.work(m.dropPages)
	}
}

// dropPages drops what is due until there is nothing left.
func (m *Mount) dropPages() {
	for {
		m.mu.Lock()
		if len(m.pages.all) == 0 {
			m.pages.running = false
			m.mu.Unlock()
			return
		}
		next := m.pages.all[0].until
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
		case <-m.pages.now:
		case <-m.ctx.Done():
			timer.Stop()
			m.mu.Lock()
			m.pages.all = nil
			m.mu.Unlock()
		}
		timer.Stop()
	}
}

// drop takes from the kernel what it was given until a time.
func (m *Mount) drop(due time.Time) {
	m.mu.Lock()
	var drop, keep []page
	for _, p := range m.pages.all {
		if p.until.After(due) {
			keep = append(keep, p)
		} else {
			drop = append(drop, p)
		}
	}
	m.pages.all = keep
	m.mu.Unlock()
	if len(drop) == 0 {
		return
	}
	v := m.openView()
	defer v.close()
	for _, p := range drop {
		m.count.drops.Add(1)
		if !v.drop(p.process, p.file) {
			m.count.invalidated.Add(1)
			m.invalidate(nodeID(p.process.id, firstHot+uint64(p.file)))
		}
		m.mu.Lock()
		p.process.files[p.file].cached = false
		m.mu.Unlock()
	}
}
