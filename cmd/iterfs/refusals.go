// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"sync"
	"time"
)

// maxRefusals is how many are remembered.
const maxRefusals = 100

// refusals are the latest queries in select/ that were refused or failed, and why.
type refusals struct {
	mu     sync.Mutex
	latest []refusal // the oldest first
}

type refusal struct {
	at     time.Time
	path   string
	reason string
}

func (r *refusals) add(path string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.latest) == maxRefusals {
		r.latest = append(r.latest[:0], r.latest[1:]...)
	}
	r.latest = append(r.latest, refusal{time.Now(), path, err.Error()})
}

// append writes them a line each: when, what was looked up, why it was refused.
func (r *refusals) append(dst []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.latest {
		dst = one.at.AppendFormat(dst, time.RFC3339)
		dst = append(dst, ' ')
		// What a name can hold must not make lines of its own.
		dst = strconv.AppendQuote(dst, one.path)
		dst = append(dst, ' ')
		dst = append(dst, one.reason...)
		dst = append(dst, '\n')
	}
	return dst
}
