// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"testing"

	"github.com/cilium/ebpf/link"
)

// links returns the ids of the BPF links on this machine.
func links(t testing.TB) map[link.ID]bool {
	t.Helper()
	ids := map[link.ID]bool{}
	var it link.Iterator
	defer it.Close()
	for it.Next() {
		ids[it.ID] = true
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

// linksSince returns those that were not there before.
func linksSince(t testing.TB, before map[link.ID]bool) (since []link.ID) {
	t.Helper()
	for id := range links(t) {
		if !before[id] {
			since = append(since, id)
		}
	}
	return since
}
