// SPDX-License-Identifier: Apache-2.0

package task

import (
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/iterfs/iterfs/native"
)

// A statusValue appends what stands behind the colon of a line of status.
type statusValue func(dst []byte, e entry[taskStatusRecord]) []byte

// A statusLine is one line of status; not every task has each.
type statusLine struct {
	label string
	value statusValue
	shown func(r *taskStatusRecord) bool
}

// statusLines are those that this kernel's status has, in its order: kernels
// differ in both, and the daemon's own status shows them all. They are none when
// one is not known here, so that no file comes without a line.
var statusLines = sync.OnceValue(func() []statusLine {
	own, err := native.ReadFile("self/status")
	if err != nil {
		return nil
	}
	return linesLike(string(own))
})

func linesLike(own string) (lines []statusLine) {
	shown := always
	for line := range strings.Lines(own) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		l := statusLine{label: name + ":", value: statusValueOf(name, strings.TrimPrefix(value, "\t"))}
		if l.value == nil {
			return nil
		}
		// Which lines come of a task's memory can be told by their names only.
		switch name {
		case "VmPeak":
			shown = hasMemory
		case "Threads":
			shown = always
		}
		l.shown = shown
		if name == "Umask" {
			l.shown = hasUmask
		}
		lines = append(lines, l)
	}
	return lines
}

func always(*taskStatusRecord) bool      { return true }
func hasMemory(r *taskStatusRecord) bool { return r.Mm.Present != 0 }
func hasUmask(r *taskStatusRecord) bool  { return r.Task.Umask >= 0 }

// appendStatus appends /proc/<pid>/status, as proc_pid_status() of
// fs/proc/array.c writes it.
func appendStatus(dst []byte, e entry[taskStatusRecord]) ([]byte, bool) {
	r, lines := e.rec, statusLines()
	if lines == nil || r.Task.Incomplete != 0 || !r.Mm.Sizes.known() {
		return dst, false
	}
	return appendStatusLines(dst, lines, e), true
}

func appendStatusLines(dst []byte, lines []statusLine, e entry[taskStatusRecord]) []byte {
	for i := range lines {
		l := &lines[i]
		if !l.shown(e.rec) {
			continue
		}
		dst = append(dst, l.label...)
		dst = l.value(append(dst, '\t'), e)
		dst = append(dst, '\n')
	}
	return dst
}

// appendStatusName escapes what would break the line.
func appendStatusName(dst []byte, e entry[taskStatusRecord]) []byte {
	var room [maxName + 1]byte
	for _, c := range appendName(room[:0], &e.rec.Task.Comm, e.kthread) {
		switch c {
		case '\n':
			dst = append(dst, `\n`...)
		case '\\':
			dst = append(dst, `\\`...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendGroups appends the supplementary groups, a space behind each; of none, one.
func appendGroups(dst []byte, e entry[taskStatusRecord]) []byte {
	left := int(e.rec.Task.Groups)
	for it := range e.behind(itemGroups) {
		gids := (*taskGroupsItem)(unsafe.Pointer(it)).Gids[:]
		for _, gid := range gids[:min(left, int(it.Size-8)/4)] {
			dst = append(strconv.AppendUint(dst, uint64(gid), 10), ' ')
			left--
		}
	}
	if e.rec.Task.Groups == 0 {
		dst = append(dst, ' ')
	}
	return dst
}

// appendNumbers appends one of a task's numbers in each pid namespace that it is in,
// the initial one first.
func appendNumbers(dst []byte, e entry[taskStatusRecord], initial int32, number func(p *taskPidsItem) int32) []byte {
	dst = strconv.AppendInt(dst, int64(initial), 10)
	for it := range e.behind(itemPids) {
		dst = append(dst, '\t')
		dst = strconv.AppendInt(dst, int64(number((*taskPidsItem)(unsafe.Pointer(it)))), 10)
	}
	return dst
}
