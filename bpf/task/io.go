// SPDX-License-Identifier: Apache-2.0

package task

import (
	"strconv"
	"strings"
	"sync"

	"github.com/iterfs/iterfs/native"
)

// ioValues are the lines of io by their names.
var ioValues = map[string]func(r *taskIoRecord) uint64{
	"rchar":                 func(r *taskIoRecord) uint64 { return r.Rchar },
	"wchar":                 func(r *taskIoRecord) uint64 { return r.Wchar },
	"syscr":                 func(r *taskIoRecord) uint64 { return r.Syscr },
	"syscw":                 func(r *taskIoRecord) uint64 { return r.Syscw },
	"read_bytes":            func(r *taskIoRecord) uint64 { return r.ReadBytes },
	"write_bytes":           func(r *taskIoRecord) uint64 { return r.WriteBytes },
	"cancelled_write_bytes": func(r *taskIoRecord) uint64 { return r.CancelledWriteBytes },
}

type ioLine struct {
	label string
	value func(r *taskIoRecord) uint64
}

// ioLines are those that this kernel's io has, as the daemon's own shows; none
// when one of them is not known here.
var ioLines = sync.OnceValue(func() (lines []ioLine) {
	own, err := native.ReadFile("self/io")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(own)) {
		name, _, _ := strings.Cut(line, ":")
		if ioValues[name] == nil {
			return nil
		}
		lines = append(lines, ioLine{name + ": ", ioValues[name]})
	}
	return lines
})

// appendIO appends /proc/<pid>/io, as do_io_accounting() of fs/proc/base.c
// writes it.
func appendIO(dst []byte, e entry[taskIoRecord]) ([]byte, bool) {
	lines := ioLines()
	if lines == nil || e.rec.Incomplete != 0 {
		return dst, false
	}
	for _, l := range lines {
		dst = append(dst, l.label...)
		dst = strconv.AppendUint(dst, l.value(e.rec), 10)
		dst = append(dst, '\n')
	}
	return dst, true
}
