// SPDX-License-Identifier: Apache-2.0

package thread

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// So many at once take every idle thread there is, the first one too.
func TestDo(t *testing.T) {
	const n = 100
	var tids [n]int
	var all, ended sync.WaitGroup
	all.Add(n)
	for i := range n {
		ended.Go(func() {
			err := Do(func() error {
				tids[i] = unix.Gettid()
				all.Done()
				all.Wait()
				return unix.Errno(i + 1)
			})
			if err != unix.Errno(i+1) {
				t.Errorf("%v instead of f's error", err)
			}
		})
	}
	ended.Wait()
	seen := map[int]bool{unix.Getpid(): true}
	for _, tid := range tids {
		if seen[tid] {
			t.Errorf("%d is the first thread, or ran two functions", tid)
		}
		seen[tid] = true
		for deadline := time.Now().Add(10 * time.Second); unix.Tgkill(unix.Getpid(), tid, 0) != unix.ESRCH; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("thread %d lives on", tid)
			}
		}
	}
}

// A goroutine that begins on such a thread, and the threads that start for it, are
// as they were.
func TestOthersAreUnchanged(t *testing.T) {
	umask := func() int {
		old := unix.Umask(0)
		unix.Umask(old)
		return old
	}
	const changed = 0o123
	err := Do(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		unix.Umask(changed)
		return Do(func() error {
			if umask() == changed {
				t.Error("a thread that was started meanwhile has it too")
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
