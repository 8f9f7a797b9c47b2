// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
)

// inNetNS runs f on a thread of its own that has entered ns. An iterator belongs
// to the namespace of the thread that creates it. Without ns it runs f on the spot.
func inNetNS(ns *os.File, f func() error) error {
	if ns == nil {
		return f()
	}
	return thread.Do(func() error {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the reader's network namespace: %w", err)
		}
		return f()
	})
}
