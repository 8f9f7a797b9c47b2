// SPDX-License-Identifier: Apache-2.0

package task

import (
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/iterfs/iterfs/native"
)

// A line of limits is a name, two values and a unit in columns: "%-25s %-20s %-20s %-10s\n".
const (
	limitsName  = 26
	limitsValue = 21
	limitsUnit  = limitsName + 2*limitsValue
)

// limitsTable is what this kernel's limits has around the values.
type limitsTable struct {
	head  string
	lines []struct{ name, unit string }
}

// limitsOfKernel reads it from the daemon's own file; it has no lines when there
// are not as many as the record has limits.
var limitsOfKernel = sync.OnceValue(func() (t limitsTable) {
	own, err := native.ReadFile("self/limits")
	if err != nil {
		return t
	}
	for line := range strings.Lines(string(own)) {
		switch {
		case t.head == "":
			t.head = line
		case len(line) <= limitsUnit:
			return limitsTable{}
		default:
			t.lines = append(t.lines, struct{ name, unit string }{line[:limitsName], line[limitsUnit:]})
		}
	}
	if len(t.lines) != len(taskLimitsRecord{}.Limits) {
		t.lines = nil
	}
	return t
})

// appendLimits appends /proc/<pid>/limits, as proc_pid_limits() of
// fs/proc/base.c writes it.
func appendLimits(dst []byte, e entry[taskLimitsRecord]) ([]byte, bool) {
	r, t := e.rec, limitsOfKernel()
	if t.lines == nil || r.Incomplete != 0 {
		return dst, false
	}
	if r.Present == 0 {
		return dst, true
	}
	dst = append(dst, t.head...)
	for i, l := range t.lines {
		dst = append(dst, l.name...)
		dst = appendLimit(dst, r.Limits[i].Soft)
		dst = appendLimit(dst, r.Limits[i].Hard)
		dst = append(dst, l.unit...)
	}
	return dst, true
}

func appendLimit(dst []byte, v uint64) []byte {
	const column = "unlimited            "
	if v == math.MaxUint64 { // RLIM_INFINITY
		return append(dst, column...)
	}
	start := len(dst)
	dst = strconv.AppendUint(dst, v, 10)
	return append(dst, "                     "[len(dst)-start:]...)
}
