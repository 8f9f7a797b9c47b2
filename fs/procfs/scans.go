// SPDX-License-Identifier: Apache-2.0

package procfs

import "time"

// run is how many processes in a row make a scan: where the root is open and has
// just been listed, where it has just been listed, and else.
const (
	runListing = 1
	runListed  = 2
	runAlone   = 4
)

// pause is the longest one between two reads of a scan.
const pause = 50 * time.Millisecond

// scans is what is known of those who scan. Mount.mu guards it.
type scans struct {
	open    int       // directories that have been listed
	listed  time.Time // when the last list or window was
	hold    bool      // no window may begin: a list is being made
	pid     uint32    // whose file was read last,
	read    time.Time // when,
	run     int       // and how many before it in a row
	wanted  Files     // what the scan before has read
	listing bool      // and with the root open
	follows bool      // the last window's contents have been asked for
	*window
}

// demand notes that a file is about to be read by a thread: of a scan, perhaps.
// Mount.mu is held.
func (m *Mount) demand(p *process, f File, tid uint32) {
	s, now := &m.scans, time.Now()
	if p.pid != s.pid {
		if s.run++; now.Sub(s.read) > pause {
			s.run = 1
		}
		s.pid = p.pid
	}
	s.read = now
	w := s.window
	if w != nil && now.Before(w.until) && !w.ended {
		if w.foreseen && w.asked != 0 && p.pid != w.first {
			w.foreseen, w.wanted = false, w.asked // what the first was read for, the others will be
		}
		if w.asked == 0 {
			w.listing = s.open > 0
		}
		w.asked |= 1 << f
		w.readers[tid] = true
		m.want(w, f)
		return
	}
	enough := runAlone
	switch recent := now.Sub(s.listed) < m.config.Freshness; {
	case recent && s.open > 0:
		enough = runListing
	case recent:
		enough = runListed
	}
	if s.hold || s.run < enough || w != nil && w.filling {
		return
	}
	wanted := Files(1 << f)
	if w != nil {
		s.learn(w)
		if now.Sub(w.until) < m.config.Freshness {
			wanted |= s.wanted // likely the scan goes on
		}
	}
	m.begin(&window{
		first: p.pid, listing: s.open > 0, made: s.wanted | 1<<f, wanted: wanted, asked: 1 << f,
		readers: map[uint32]bool{tid: true},
	})
}

// foresee begins a window for those who wait for a list, if such have gone on to read
// files before: so that these are there when they do. Mount.mu is held.
func (m *Mount) foresee(readers map[uint32]bool) {
	s := &m.scans
	if s.follows && s.window == nil {
		m.begin(&window{foreseen: true, listing: s.listing, made: s.wanted, wanted: s.wanted, readers: readers})
	}
}

// learn takes over what a window that ends tells of scans. Mount.mu is held.
func (s *scans) learn(w *window) {
	if s.follows = w.asked != 0; s.follows {
		s.wanted, s.listing = w.asked, w.listing
	}
}
