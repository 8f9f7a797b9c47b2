// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// inNetNS runs f on a thread of its own that has entered ns. An iterator belongs
// to the namespace of the thread that creates it. The thread ends with f, so no
// other goroutine can ever run in ns. Without ns it runs f on the spot.
func inNetNS(ns *os.File, f func() error) error {
	if ns == nil {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread dies
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter the reader's network namespace: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}
