// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"context"
	"maps"
	"slices"
	"time"

	kernel "github.com/iterfs/iterfs/native"
)

// A scan reads the files of one process after another. It is served from a window:
// a sweep that began after it, whose contents the kernel is given while the reader
// goes through them. A window ends with the scan, or when its sweep is as old as
// contents may be.

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
	swept     Files           // what there is of what it makes
	filling   bool            // until all that is wanted is pushed,
	filled    chan struct{}   // which is closed then
	stop      context.CancelFunc
	arena     []byte
}

// begin begins a window. Mount.mu is held.
func (m *Mount) begin(w *window) {
	w.until = time.Now().Add(m.config.Freshness * 3 / 4)
	m.scans.window = w
	m.startFill(w)
}

// want adds a file to those that are pushed, also of a window that was full. Mount.mu
// is held.
func (m *Mount) want(w *window, f File) {
	w.wanted |= 1 << f
	if !w.filling && w.behind() {
		m.startFill(w)
	}
}

// behind reports whether more is wanted than is pushed. Mount.mu is held.
func (w *window) behind() bool { return w.pushed&w.wanted != w.wanted }

// startFill has a window filled. Mount.mu is held.
func (m *Mount) startFill(w *window) {
	var ctx context.Context
	ctx, w.stop = context.WithCancel(m.ctx)
	filled := make(chan struct{})
	w.filling, w.filled = true, filled
	m.hold()
	m.work(func() {
		defer m.release()
		defer close(filled)
		m.fill(ctx, w)
	})
}

// fill sweeps for a window, again when a file is asked for that was not made, and
// pushes what is asked for.
func (m *Mount) fill(ctx context.Context, w *window) {
	defer w.stop()
	for {
		m.mu.Lock()
		w.made |= w.wanted
		want, swept := w.made, w.made == w.swept
		w.filling = ctx.Err() == nil && (!swept || w.behind())
		goOn := w.filling
		m.mu.Unlock()
		switch {
		case !goOn:
			return
		case !swept:
			m.sweep(ctx, w, want)
			m.mu.Lock()
			w.swept = want
			m.mu.Unlock()
		default:
			m.pushAll(ctx, w)
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

// content returns that of the window, nil where it has none. Mount.mu is held.
func (m *Mount) content(p *process, f File) []byte {
	w := m.scans.window
	if w == nil || p.window != w || w.ended || !time.Now().Before(w.until) {
		return nil
	}
	return p.files[f].content
}

// endWindow ends a window, when it has been filled, and takes from the kernel what it was
// given.
func (m *Mount) endWindow(w *window) {
	m.mu.Lock()
	for w.filling {
		filled := w.filled
		m.mu.Unlock()
		<-filled
		m.mu.Lock()
	}
	w.ended = true
	if m.scans.window == w {
		m.scans.window = nil
		m.scans.learn(w)
	}
	m.mu.Unlock()
	m.drop(w.until)
}
