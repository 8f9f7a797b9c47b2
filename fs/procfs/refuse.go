// SPDX-License-Identifier: Apache-2.0

package procfs

import "time"

// An answer shorter than the file corrects the size that the kernel believes, unless
// it has been told attributes, or to forget them, since it has sent the READ: readers
// would get NULs behind the content. Such a READ is refused and comes again, for what
// is read ahead may fail, and readers do not hear of it. Until it does, nothing is
// told of the file and no page of it dropped. Were one to hear of it nevertheless, EINTR
// is what programs take as a word to try again.

// tellTime is the longest that the kernel takes to see what it was told.
const tellTime = time.Second

// uncertain reports whether a READ may have been sent before attributes were seen.
func (at *file) uncertain() bool {
	return at.told.After(at.refused) && time.Since(at.told) < tellTime
}

// refuse notes that a READ is going to be. Mount.mu is held.
func (m *Mount) refuse(id uint64, at *file) {
	m.count.refused.Add(1)
	at.refused, at.awaited = time.Now(), make(chan struct{})
	device(m.dev).forgetAttributes(id) // those too that it has yet to see
}

// arrived notes that a READ has come.
func (at *file) arrived() {
	if at.awaited != nil {
		close(at.awaited)
		at.awaited = nil
	}
}

// awaitShrink returns when the kernel has seen that an answer was shorter, if one was.
func (m *Mount) awaitShrink(v *view, p page) {
	for wait := 10 * time.Microsecond; wait < patience; wait *= 2 {
		m.mu.Lock()
		size := p.process.files[p.file].size
		m.mu.Unlock()
		if known, ok := v.size(p.process, p.file); !ok || known <= size {
			return
		}
		time.Sleep(wait)
	}
}

// awaits reports whether one is to come again of a file, or of one of those in a
// process's directory.
func (m *Mount) awaits(id uint64) bool {
	p, index := m.process(id)
	if p == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for f := range NumHot {
		if (index == directory || index == firstHot+uint64(f)) && p.files[f].awaiting() {
			return true
		}
	}
	return false
}

// awaiting reports whether one is likely to come: its reader may have been killed.
func (at *file) awaiting() bool {
	return at.awaited != nil && time.Since(at.refused) < tellTime
}

// await returns when none is awaited. Mount.mu is held, but while it waits.
func (m *Mount) await(at *file) {
	for at.awaiting() {
		arrived, timer := at.awaited, time.NewTimer(tellTime)
		m.mu.Unlock()
		select {
		case <-arrived:
		case <-timer.C:
		case <-m.ctx.Done():
		}
		timer.Stop()
		m.mu.Lock()
		if m.ctx.Err() != nil {
			return
		}
	}
}
