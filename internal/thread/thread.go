// SPDX-License-Identifier: Apache-2.0

// Package thread runs functions on threads of their own. Namespaces, rights and the
// table of open files are a thread's, and Go moves goroutines from thread to thread:
// whoever changes them needs one that nothing else runs on, before or after.
package thread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Do runs f on a thread that ends with it. That is never the process's first, whose
// state is shown as the process's, and which cannot end. The program's other threads
// are not changed by what f does to its own, nor are those that start meanwhile.
func Do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		defer close(done) // also where a test that fails ends the goroutine
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			done <- Do(f) // on another, since this one is held here
			runtime.UnlockOSThread()
			return
		}
		done <- f() // and never unlocked: the thread ends with its goroutine
	}()
	return <-done
}
