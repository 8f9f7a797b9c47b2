// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Stats count what a server has done since it began.
type Stats struct {
	Started             time.Time
	Opens, Closes, Rows atomic.Uint64
	Bytes               atomic.Uint64
	Lookup, List        Latency
	Open, Read          Latency

	mu        sync.Mutex
	errors    map[unix.Errno]uint64
	lastError string
}

// NewStats begins counting.
func NewStats() *Stats { return &Stats{Started: time.Now(), errors: map[unix.Errno]uint64{}} }

// Errors returns how often each errno was given to a reader, and the last
// sentence of the log.
func (s *Stats) Errors() (counts map[unix.Errno]uint64, last string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts = make(map[unix.Errno]uint64, len(s.errors))
	for errno, n := range s.errors {
		counts[errno] = n
	}
	return counts, s.lastError
}

func (s *Stats) countError(errno unix.Errno, sentence string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errors[errno]++
	if sentence != "" {
		s.lastError = sentence
	}
}

// Latency is a histogram of durations; bucket i holds those below 2^i us.
type Latency struct {
	buckets [32]atomic.Uint64
}

func (l *Latency) since(start time.Time) {
	us := uint64(time.Since(start).Microseconds())
	l.buckets[min(bits.Len64(us), len(l.buckets)-1)].Add(1)
}

// Count is how many durations were taken.
func (l *Latency) Count() (n uint64) {
	for i := range l.buckets {
		n += l.buckets[i].Load()
	}
	return n
}

// Quantile is an upper bound, within a factor of two, of the duration that a
// share q of all keep to; 0 when there are none.
func (l *Latency) Quantile(q float64) time.Duration {
	var seen uint64
	want := uint64(q * float64(l.Count()))
	for i := range l.buckets {
		n := l.buckets[i].Load()
		seen += n
		if n > 0 && seen >= want {
			return time.Duration(1<<i) * time.Microsecond
		}
	}
	return 0
}
