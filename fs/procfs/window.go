// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"context"
	"maps"
	"slices"
	"sort"
	"time"

	kernel "github.com/iterfs/iterfs/native"
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

// A window is what scans are served from. Mount.mu guards it.
type window struct {
	until     time.Time       // when it gives no more: what it gave has to be dropped yet
	first     uint32          // the process that is read when it begins; 0: the first one visited
	foreseen  bool            // it was begun with a list, and what is wanted is a guess
	listing   bool            // the root was open then
	made      Files           // what its sweep makes: what the last scan read,
	wanted    Files           // what is pushed of that,
	asked     Files           // and what has been asked for
	pushed    Files           // what all that it has visited was pushed of
	readers   map[uint32]bool // threads
	processes []*process      // those that it has visited
	ended     bool            // it gives no more
	swept     chan struct{}   // closed when its sweep has ended
	stop      context.CancelFunc
	arena     []byte
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
	if s.hold || s.run < enough || w != nil && !w.over() {
		return
	}
	if w != nil {
		s.learn(w)
	}
	m.begin(&window{
		first: p.pid, listing: s.open > 0, made: s.wanted | 1<<f, wanted: 1 << f, asked: 1 << f,
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

// begin begins a window. Mount.mu is held.
func (m *Mount) begin(w *window) {
	w.until = time.Now().Add(m.config.Freshness * 3 / 4)
	w.swept = make(chan struct{})
	var ctx context.Context
	ctx, w.stop = context.WithCancel(m.ctx)
	m.scans.window = w
	m.hold()
	m.work(func() { m.fill(ctx, w) })
}

// learn takes over what a window that ends tells of scans. Mount.mu is held.
func (s *scans) learn(w *window) {
	if s.follows = w.asked != 0; s.follows {
		s.wanted, s.listing = w.asked, w.listing
	}
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

// fill sweeps for a window, again when a file is asked for that was not made, and
// pushes what is asked for.
func (m *Mount) fill(ctx context.Context, w *window) {
	defer m.release()
	defer close(w.swept)
	defer m.pushing.do(func(*notifier) {}) // until all is pushed
	defer w.stop()
	for made := Files(0); ctx.Err() == nil; {
		m.mu.Lock()
		w.made |= w.wanted
		want, pushed := w.made, w.pushed&w.wanted == w.wanted
		m.mu.Unlock()
		switch {
		case want != made:
			m.sweep(ctx, w, want)
			made = want
		case !pushed:
			m.pushAll(ctx, w)
		default:
			return
		}
	}
}

// sweep takes the contents of all processes, and pushes them as they come.
func (m *Mount) sweep(ctx context.Context, w *window, want Files) {
	m.count.sweeps.Add(1)
	m.mu.Lock()
	reading := slices.Collect(maps.Keys(w.readers))
	w.processes, w.pushed = w.processes[:0], w.wanted
	m.mu.Unlock()
	var batch []*process
	err := m.config.Source.Sweep(ctx, want, reading, func(s *Process) {
		var contents [NumHot][]byte
		for f := range NumHot {
			contents[f] = w.keep(s.Files[f])
		}
		m.mu.Lock()
		p := m.nodes.find(s.PID, kernel.StartTicks(s.Start), s.UID, s.GID)
		p.window = w
		if w.first == 0 {
			w.first = p.pid
		}
		for f := range NumHot {
			p.files[f].content = contents[f] // nil where none was wanted: what there is, is of a window before
		}
		w.processes = append(w.processes, p)
		w.pushed &= w.wanted
		m.mu.Unlock()
		if batch = append(batch, p); len(batch) == batchSize {
			m.pushBatch(w, batch)
			batch = nil
		}
	})
	m.pushBatch(w, batch)
	if err != nil && ctx.Err() == nil {
		m.config.Log.Error("sweep over all processes", "err", err)
	}
}

// pushAll pushes what has been asked for since processes were visited, of those that
// the last reader has before him.
func (m *Mount) pushAll(ctx context.Context, w *window) {
	m.mu.Lock()
	w.pushed = w.wanted
	from := m.scans.pid
	m.mu.Unlock()
	i := sort.Search(len(w.processes), func(i int) bool { return w.processes[i].pid > from })
	for batch := range slices.Chunk(w.processes[i:], batchSize) {
		if ctx.Err() == nil {
			m.pushBatch(w, batch)
		}
	}
}

// batchSize is how many processes' files are pushed while the next are being made.
const batchSize = 16

func (m *Mount) pushBatch(w *window, batch []*process) {
	m.pushing.do(func(n *notifier) { m.push(n, w, batch) })
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

// push gives the kernel contents of processes: of files that it knows, but where it
// believes them longer: then it has to ask. What is read when the window begins, it
// has to ask for too, and so tells what the scan reads.
// Each is looked at when its turn comes: it may have been read meanwhile.
func (m *Mount) push(n *notifier, w *window, batch []*process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range batch {
		for f := range NumHot {
			at := &p.files[f]
			size, content := uint64(len(at.content)), at.content
			if !w.wanted.Has(f) || p.pid <= w.first || at.refs == 0 || at.cached || size == 0 || size < at.known || at.bound != nil || at.awaiting() || w.ended {
				continue
			}
			at.size, at.cached = size, true
			at.bound = &binding{content, 0, w.until}
			at.given++
			m.mu.Unlock()
			m.count.stores.Add(1)
			n.store(nodeID(p.id, firstHot+uint64(f)), 0, content)
			m.mu.Lock()
			at.known, at.bound = size, nil
			m.expire(p, f, w.until)
		}
	}
}

// content returns that of the window, nil where it has none. Mount.mu is held.
func (m *Mount) content(p *process, f File) []byte {
	w := m.scans.window
	if w == nil || p.window != w || w.ended || !time.Now().Before(w.until) {
		return nil
	}
	return p.files[f].content
}

// endWindow ends a window, when its sweep has ended, and takes from the kernel what it was
// given.
func (m *Mount) endWindow(w *window) {
	<-w.swept
	m.mu.Lock()
	w.ended = true
	if m.scans.window == w {
		m.scans.window = nil
		m.scans.learn(w)
	}
	m.mu.Unlock()
	m.drop(w.until)
}
