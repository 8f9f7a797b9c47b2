// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// fdsPerOpen is how many descriptors the daemon holds for an open file at most.
	fdsPerOpen = 4
	// maxOpen is how many files and directories can be open, descriptors or not.
	maxOpen = 1 << 14
	// maxListed is how many entries open directories hold together.
	maxListed = 1 << 22
)

// quotas keep one reader from taking what all need: descriptors and memory. Whoever
// asks for more is answered ENFILE.
type quotas struct {
	limit int // of what is open

	mu               sync.Mutex
	byUser, byThread map[uint32]int
	listed           int
}

func newQuotas() *quotas {
	q := &quotas{limit: maxOpen, byUser: map[uint32]int{}, byThread: map[uint32]int{}}
	var fds unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &fds) == nil {
		q.limit = int(min(fds.Cur/fdsPerOpen, maxOpen))
	}
	return q
}

// open counts what a caller opens. One thread has half of what there is at most, a
// user who is not root a quarter: what is left is for the others.
func (q *quotas) open(c Caller) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.byThread[c.TID] >= q.limit/2 || c.UID != 0 && q.byUser[c.UID] >= q.limit/4 {
		return unix.ENFILE
	}
	q.byThread[c.TID]++
	q.byUser[c.UID]++
	return nil
}

// close is the end of what open counted.
func (q *quotas) close(c Caller) {
	q.mu.Lock()
	defer q.mu.Unlock()
	decrement(q.byThread, c.TID)
	decrement(q.byUser, c.UID)
}

func decrement(counts map[uint32]int, key uint32) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}

// list counts the entries that open directories hold, more of them or less.
func (q *quotas) list(more int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if more > 0 && q.listed+more > maxListed {
		return unix.ENFILE
	}
	q.listed += more
	return nil
}
