// SPDX-License-Identifier: Apache-2.0

// Package measure compares what iterfs and the machine's own /proc cost: in turn,
// on the wall and in CPU time, the daemon's included.
package measure

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A Cost is what a run took: time on the wall until its client had the answer, and
// CPU time of all that worked for it.
type Cost struct{ Wall, CPU time.Duration }

// A Run does once what is measured.
type Run func() (Cost, error)

// Rounds makes n rounds of all runs, so that the noise of a machine meets all alike,
// and returns the medians of each. Before each run comes a pause.
func Rounds(ctx context.Context, n int, pause time.Duration, runs ...Run) ([]Cost, error) {
	costs := make([][]Cost, len(runs))
	for range n {
		for i, run := range runs {
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(pause):
			}
			c, err := run()
			if err != nil {
				return nil, err
			}
			costs[i] = append(costs[i], c)
		}
	}
	medians := make([]Cost, len(runs))
	for i, c := range costs {
		medians[i] = median(c)
	}
	return medians, nil
}

// median takes that of each part for itself.
func median(costs []Cost) Cost {
	middle := func(part func(Cost) time.Duration) time.Duration {
		all := make([]time.Duration, len(costs))
		for i, c := range costs {
			all[i] = part(c)
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return Cost{middle(func(c Cost) time.Duration { return c.Wall }), middle(func(c Cost) time.Duration { return c.CPU })}
}

// Timed makes a run of what this process and its children do, answered by a daemon,
// or by the kernel alone if that is 0.
func Timed(daemon int, client func() error) Run {
	return func() (Cost, error) {
		before, err := cpuOf(daemon)
		if err != nil {
			return Cost{}, err
		}
		start := time.Now()
		if err := client(); err != nil {
			return Cost{}, err
		}
		wall := time.Since(start)
		after, err := cpuOf(daemon)
		return Cost{wall, after - before}, err
	}
}

// cpuOf is the CPU time of this process, the children that it has waited for, and a
// daemon at rest.
func cpuOf(daemon int) (time.Duration, error) {
	served, err := rest(daemon)
	if err != nil {
		return 0, err
	}
	own, err := cpuTime(0)
	if err != nil {
		return 0, err
	}
	var children unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &children); err != nil {
		return 0, err
	}
	return served + own + time.Duration(children.Utime.Nano()+children.Stime.Nano()), nil
}

// rest returns the CPU time of a daemon once it does nothing more: what it still does
// when its client has the answer was done for it too, and is not to slow the next.
func rest(daemon int) (cpu time.Duration, err error) {
	if daemon == 0 {
		return 0, nil
	}
	// A second is the bound for one that never rests.
	for range 100 {
		last := cpu
		if cpu, err = cpuTime(daemon); err != nil || cpu == last {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return cpu, err
}

// cpuTime is what a process has used of the CPUs, all of its threads; 0 is this one.
func cpuTime(pid int) (time.Duration, error) {
	const cpuClockSched = 2 // include/linux/posix-timers_types.h
	var ts unix.Timespec
	if err := unix.ClockGettime(^int32(pid)<<3|cpuClockSched, &ts); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}
