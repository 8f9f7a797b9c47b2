// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"context"
	"slices"
	"sort"
)

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
