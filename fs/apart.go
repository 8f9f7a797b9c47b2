// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
)

// apart runs f where it may use paths through filesystems that this process serves:
// on a thread of its own, with a table of descriptors of its own, which has not
// their devices. Were the process killed while one of its threads waits for an
// answer of its own, that thread would keep the device open and so be kept waiting,
// for ever; this one does not, and is let go with the last that does.
//
// Descriptors that f opens are of that table alone, and end with f; it must leave
// none to be closed by another thread, such as the garbage collector's.
func apart(devices []int, f func() error) error {
	return thread.Do(func() error {
		if err := unix.Unshare(unix.CLONE_FILES | unix.CLONE_FS); err != nil {
			return fmt.Errorf("unshare descriptors: %w", err)
		}
		for _, device := range devices {
			unix.Close(device)
		}
		return f()
	})
}
