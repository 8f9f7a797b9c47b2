// SPDX-License-Identifier: Apache-2.0

package task

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// How the kernel counts pages is found out alike while other threads touch and free
// some, as Go's runtime does.
func TestExactPagesBesideOthers(t *testing.T) {
	want := findExactPages()
	var others sync.WaitGroup
	defer others.Wait()
	done := make(chan struct{})
	defer close(done)
	for range 2 {
		others.Go(func() {
			memory := make([]byte, 64*pageSize)
			for {
				select {
				case <-done:
					return
				default:
				}
				for i := range 64 {
					memory[i*int(pageSize)] = 1
				}
				unix.Madvise(memory[pageSize:63*pageSize], unix.MADV_DONTNEED)
			}
		})
	}
	for range 100 {
		if got := findExactPages(); got != want {
			t.Fatalf("it is %v, and beside others %v", want, got)
		}
	}
}
