// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/native"
)

// nsPerJiffy is TICK_NSEC, the resolution of the kernel's coarse clocks.
var nsPerJiffy = func() uint64 {
	var resolution unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &resolution); err != nil {
		panic(err) // cannot be: the clock came with Linux 2.6.32
	}
	return uint64(resolution.Nano())
}()

// clockTicks is jiffies_to_clock_t() of kernel/time/time.c.
func clockTicks(jiffies uint32) uint64 { return uint64(jiffies) * nsPerJiffy / native.Tick }
