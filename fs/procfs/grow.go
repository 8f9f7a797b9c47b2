// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"maps"
	"slices"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// The kernel opens files without a word and lets readers see as much of a page as
// it believes the file has, for as long as it may believe that. A READ that is
// answered with less corrects it; one that is answered with more does not, and the
// reader would get a part. So before an answer that is longer the kernel is made to
// know: by a STORE of the same content. That lengthens the file at once and then
// waits for the page, which the READ has locked. When it has come so far, shows the
// size that the kernel tells without asking.

// patience is about half of the longest time that an answer waits for that.
const patience = 100 * time.Millisecond

// grows runs f, for which the view is held. Pages that it makes may be newer than an
// awaitGrowths that has begun. Mount.mu is held.
func (m *Mount) grows(f func()) {
	grown := make(chan struct{})
	m.pages.growing[grown] = true
	m.work(func() {
		defer m.release()
		f()
		m.mu.Lock()
		delete(m.pages.growing, grown)
		m.mu.Unlock()
		close(grown)
	})
}

// awaitGrowths waits for those that have begun.
func (m *Mount) awaitGrowths() {
	m.mu.Lock()
	begun := slices.Collect(maps.Keys(m.pages.growing))
	m.mu.Unlock()
	for _, grown := range begun {
		<-grown
	}
}

// grow answers a READ with a content that the kernel does not know the file to be
// long enough for, and to which the file is bound until it has a page.
func (m *Mount) grow(v *view, in *fuse.ReadIn, p *process, f File, out []byte, b *binding) {
	m.count.grown.Add(1)
	content := b.content
	storing, stored := make(chan struct{}), make(chan struct{})
	m.growing.jobs <- func(n *notifier) {
		defer close(stored)
		m.count.stores.Add(1)
		close(storing)
		n.store(in.NodeId, in.Offset, content)
	}
	size := in.Offset + uint64(len(content))
	<-storing
	m.awaitSize(v, p, f, size, stored)
	at := &p.files[f]
	m.mu.Lock()
	at.known = size
	m.mu.Unlock()
	m.reply(in.Unique, out, nil)
	<-stored // it makes a page
	m.mu.Lock()
	m.expire(p, f, b.until)
	if at.bound == b {
		at.bound = nil
	}
	m.mu.Unlock()
}

// awaitSize returns when a file has a size to the kernel, or what gives it one has
// been done.
func (m *Mount) awaitSize(v *view, p *process, f File, size uint64, done <-chan struct{}) {
	for wait := 10 * time.Microsecond; ; wait *= 2 {
		known, ok := v.size(p, f)
		if ok && known >= size {
			return
		}
		select {
		case <-done:
			return
		case <-m.ctx.Done():
			return
		case <-time.After(wait):
		}
		if !ok && wait > linger || wait > patience {
			return // the STORE must have come so far by now
		}
	}
}
