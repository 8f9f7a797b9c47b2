// SPDX-License-Identifier: Apache-2.0

package task

import "math/bits"

// adjust is cputime_adjust() of kernel/sched/cputime.c: user and system time,
// in ns, that add up to the exact run time and never go back.
func (t *taskCpuTimes) adjust() (utime, stime uint64) {
	utime, stime = t.Utime, t.Stime
	if t.PrevUtime+t.PrevStime >= t.Runtime {
		return t.PrevUtime, t.PrevStime
	}
	switch {
	case stime == 0:
	case utime == 0:
		stime = t.Runtime
	default:
		// stime < stime+utime, so the quotient fits.
		hi, lo := bits.Mul64(stime, t.Runtime)
		stime, _ = bits.Div64(hi, lo, stime+utime)
	}
	stime = max(stime, t.PrevStime)
	utime = t.Runtime - stime
	if utime < t.PrevUtime {
		utime = t.PrevUtime
		stime = t.Runtime - utime
	}
	return utime, stime
}
