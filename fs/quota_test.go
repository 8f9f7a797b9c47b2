// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func quotasOf(limit int) *quotas {
	q := newQuotas()
	q.limit = limit
	return q
}

// opens counts how often a caller can open.
func opens(t *testing.T, q *quotas, c Caller) (n int) {
	t.Helper()
	for {
		if err := q.open(c); err != nil {
			if !errors.Is(err, unix.ENFILE) {
				t.Fatal(err)
			}
			return n
		}
		n++
	}
}

func TestQuotas(t *testing.T) {
	q := quotasOf(64)
	root, user := Caller{TID: 1}, Caller{UID: 1000, TID: 2}
	if n := opens(t, q, user); n != 16 {
		t.Errorf("a user opens %d", n)
	}
	if n := opens(t, q, Caller{UID: 1000, TID: 3}); n != 0 {
		t.Errorf("another thread of it opens %d more", n)
	}
	if n := opens(t, q, root); n != 32 {
		t.Errorf("a thread of root opens %d", n)
	}
	if n := opens(t, q, Caller{TID: 4}); n != 32 {
		t.Errorf("another thread of root opens %d", n)
	}
	q.close(user)
	if n := opens(t, q, user); n != 1 {
		t.Errorf("for one that was closed, %d are opened", n)
	}
	for range 16 {
		q.close(user)
	}
	if len(q.byUser) != 1 || len(q.byThread) != 2 {
		t.Errorf("of who has nothing open something is kept: %v, %v", q.byUser, q.byThread)
	}
}

func TestQuotaOfListings(t *testing.T) {
	q := quotasOf(64)
	if err := q.list(maxListed); err != nil {
		t.Fatal(err)
	}
	if err := q.list(1); !errors.Is(err, unix.ENFILE) {
		t.Errorf("one more: %v", err)
	}
	q.list(-10)
	if err := q.list(10); err != nil {
		t.Errorf("for ten that went: %v", err)
	}
}
