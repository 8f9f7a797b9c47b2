// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// The kernel can keep what it has read of a directory, and may then answer from it if
// OPENDIR says so. It keeps the list of threads that most processes have always: the one
// of the thread that the process is known by. So nothing that it keeps is ever out of
// date, unless a directory is listed again by who has opened it when there was but one,
// and others come: he is answered anew after a while, as where nothing is kept.

// keep returns what OPENDIR of a directory of threads is answered with, by a scan: a lone
// listing that is rewound is always new. Mount.mu is held.
func (m *Mount) keep(l *listing, p *process) (flags uint32) {
	scanning := m.scans.open > 0 || m.scans.window != nil || l.asof.Sub(m.scans.listed) < m.config.Freshness
	if !scanning || m.config.Freshness == 0 || p.mixed || !l.alone() {
		return 0
	}
	l.cached = true
	m.keeps(l, p)
	return fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE
}

// listedAgain notes that a listing is not as OPENDIR has made it.
func (m *Mount) listedAgain(l *listing, p *process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.cached {
		p.mixed = p.mixed || !l.alone()
		m.keeps(l, p)
	}
}

// keeps notes that the kernel may answer from a listing from now on. Mount.mu is held.
func (m *Mount) keeps(l *listing, p *process) {
	l.kept, l.keptSince = nodeID(p.id, threads), time.Now()
	if !m.keeping {
		m.keeping = true
		m.work(m.endKeeping)
	}
}

// endKeeping has the kernel forget the lists of directories that stay open.
func (m *Mount) endKeeping() {
	for again := true; again; {
		select {
		case <-time.After(m.config.Freshness / 4):
		case <-m.ctx.Done():
			return
		}
		var stale []uint64
		m.mu.Lock()
		again = false
		for _, l := range m.dirs {
			switch {
			case l.kept == 0:
			case time.Since(l.keptSince) < m.config.Freshness/4:
				again = true
			default:
				stale = append(stale, l.kept)
				l.kept = 0
			}
		}
		m.keeping = again
		m.mu.Unlock()
		if len(stale) > 0 {
			m.forgetting.jobs <- func(n *notifier) {
				for _, id := range stale {
					n.invalidate(id)
				}
			}
		}
	}
}
