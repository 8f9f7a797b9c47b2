// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
)

// as calls f as a user without rights, on a thread that then ends.
func as(t *testing.T, uid, gid int, f func() error) error {
	t.Helper()
	return thread.Do(func() error {
		for _, change := range []func() error{
			func() error { return rawErr(unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)) },
			func() error {
				return rawErr(unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)))
			},
			func() error {
				return rawErr(unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)))
			},
		} {
			if err := change(); err != nil {
				return fmt.Errorf("become user %d: %w", uid, err)
			}
		}
		return f()
	})
}

func rawErr(_, _ uintptr, errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

// without runs f on a thread that has given capabilities up.
func without(t testing.TB, f func() error, capabilities ...int) error {
	t.Helper()
	return thread.Do(func() error {
		for _, c := range capabilities {
			if err := dropCapability(c); err != nil {
				return err
			}
		}
		return f()
	})
}

// dropCapability takes a capability from the calling thread.
func dropCapability(capability int) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	sets[capability/32].Effective &^= 1 << (capability % 32)
	return unix.Capset(&header, &sets[0])
}
