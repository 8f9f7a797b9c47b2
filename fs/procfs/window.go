// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"context"
	"time"
)

// A scan reads the files of one process after another. It is served from a window:
// a sweep that began after it, whose contents the kernel is given while the reader
// goes through them. A window ends with the scan, or when its sweep is as old as
// contents may be.

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
	open   int       // directories that have been listed
	listed time.Time // when the last list or window was
	hold   bool      // no window may begin: a list is being made
	pid    uint32    // whose file was read last,
	read   time.Time // when,
	run    int       // and how many before it in a row
	wanted Files     // what the last scan read
	*window
}

// A window is what scans are served from. Mount.mu guards it.
type window struct {
	began   time.Time
	until   time.Time // when its contents are too old
	from    uint32    // the process of the reader it began with
	wanted  Files     // what has been read of it so far
	readers map[uint32]bool
	listing bool          // the root was open when it began
	ended   bool          // it gives no more
	swept   chan struct{} // closed when its sweep has ended
	cancel  context.CancelFunc
	arena   []byte
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
	if w := s.window; w != nil && now.Before(w.until) && !w.ended {
		w.wanted |= 1 << f
		w.readers[tid] = true
		return
	}
	enough := runAlone
	switch recent := now.Sub(s.listed) < m.config.Freshness; {
	case recent && s.open > 0:
		enough = runListing
	case recent:
		enough = runListed
	}
	if s.hold || s.run < enough || s.window != nil && !s.window.over() {
		return
	}
	w := &window{began: now, until: now.Add(m.config.Freshness), wanted: s.wanted | 1<<f, readers: map[uint32]bool{tid: true}, swept: make(chan struct{})}
	w.listing = s.open > 0
	if s.open == 1 {
		w.from = p.pid // what lies behind the only reader needs no page
	}
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(m.ctx)
	s.window, s.wanted = w, 1<<f
	m.work(func() { m.sweep(ctx, w) })
}

// over reports whether a window's sweep has ended.
func (w *window) over() bool {
	select {
	case <-w.swept:
		return true
	default:
		return false
	}
}

// sweep fills a window, again when more files are read of it than it has.
func (m *Mount) sweep(ctx context.Context, w *window) {
	defer close(w.swept)
	defer w.cancel()
	m.mu.Lock()
	want := w.wanted
	var reading []uint32
	for tid := range w.readers {
		reading = append(reading, tid)
	}
	m.mu.Unlock()
	m.count.sweeps.Add(1)
	var push []page
	err := m.config.Source.Sweep(ctx, want, reading, func(s *Process) {
		push = push[:0]
		m.mu.Lock()
		p := m.nodes.find(s.PID, s.Start/tick, s.UID, s.GID)
		p.window = w
		for f := range NumHot {
			if want.Has(f) {
				p.files[f].content = w.keep(s.Files[f])
				if m.push(p, f, w) {
					push = append(push, page{process: p, file: f})
				}
			}
		}
		m.mu.Unlock()
		for _, at := range push {
			m.store(nodeID(p.id, firstHot+uint64(at.file)), 0, p.files[at.file].content)
		}
	})
	if err != nil && ctx.Err() == nil {
		m.config.Log.Error("sweep over all processes", "err", err)
	}
}

// arenaSize is that of the pieces that contents are kept in.
const arenaSize = 64 << 10

// keep copies a content for as long as the window lasts.
func (w *window) keep(content []byte) []byte {
	if content == nil {
		return nil
	}
	if cap(w.arena)-len(w.arena) < len(content) {
		w.arena = make([]byte, 0, max(arenaSize, len(content)))
	}
	n := len(w.arena)
	w.arena = append(w.arena, content...)
	return w.arena[n:len(w.arena):len(w.arena)]
}

// push reports whether the kernel is to be given a content, and notes that it was.
// It is told of files it knows of, but where it believes them longer: then it has
// to ask. Mount.mu is held.
func (m *Mount) push(p *process, f File, w *window) bool {
	at := &p.files[f]
	size := uint64(len(at.content))
	if at.refs == 0 || at.cached || size == 0 || size < at.size || p.pid < w.from || !w.wanted.Has(f) || w.ended {
		return false
	}
	at.size = size
	m.keep(p, f, w.until)
	return true
}

// content returns that of the window, nil where it has none. Mount.mu is held.
func (m *Mount) content(p *process, f File) []byte {
	w := m.scans.window
	if w == nil || p.window != w || w.ended || !time.Now().Before(w.until) {
		return nil
	}
	return p.files[f].content
}

// endWindow ends a window, when its sweep has ended, and takes from
// the kernel what it was given.
func (m *Mount) endWindow(w *window) {
	if w == nil {
		return
	}
	<-w.swept
	m.mu.Lock()
	w.ended = true
	if m.scans.window == w {
		m.scans.window, m.scans.wanted = nil, w.wanted
	}
	m.mu.Unlock()
	m.drop(w.until)
}
