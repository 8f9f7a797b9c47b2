// SPDX-License-Identifier: Apache-2.0

package native

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"sync"
)

// Tick is the unit of times in stat, in ns: 1/USER_HZ s.
const Tick = 1e9 / 100

// BootOffset is what this process's time namespace adds to times since boot, in ns: the
// native procfs shows it all of them so.
var BootOffset = sync.OnceValue(func() int64 {
	offset, err := bootOffset()
	if err != nil {
		return 0 // a kernel without time namespaces, before 5.6 or by its configuration
	}
	return offset
})

func bootOffset() (offset int64, err error) {
	own, err := Stat("self/ns/time")
	if err != nil {
		return 0, err
	}
	children, err := Stat("self/ns/time_for_children")
	if err != nil || !os.SameFile(own, children) {
		return 0, err // whoever makes a namespace for its children is not in one, as a rule
	}
	text, err := ReadFile("self/timens_offsets")
	for lines := bufio.NewScanner(bytes.NewReader(text)); err == nil && lines.Scan(); {
		var clock string
		var s, ns int64
		if _, err = fmt.Sscan(lines.Text(), &clock, &s, &ns); clock == "boottime" {
			offset = s*1e9 + ns
		}
	}
	return offset, err
}

// StartTicks is what the native stat has as the start of a task that began that many ns
// after boot.
func StartTicks(start uint64) uint64 { return ShownTicks(start, BootOffset()) }

// ShownTicks is what stat has as the start of a task for readers whose time namespace
// adds an offset: start_time of do_task_stat() of fs/proc/array.c.
func ShownTicks(start uint64, offset int64) uint64 { return (start + uint64(offset)) / Tick }

// Start is when a task began of which the native stat has these ticks, in ns after boot,
// up to a tick less.
func Start(ticks uint64) uint64 { return ticks*Tick - uint64(BootOffset()) }
