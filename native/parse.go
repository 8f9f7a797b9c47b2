// SPDX-License-Identifier: Apache-2.0

package native

import (
	"bytes"
	"strconv"
)

// StatusField returns what stands behind a name in status, of which there may be the
// beginning alone; false where it does not have the whole line.
func StatusField(status []byte, name string) (value []byte, found bool) {
	_, rest, found := bytes.Cut(status, []byte("\n"+name+":\t"))
	value, _, ended := bytes.Cut(rest, []byte("\n"))
	return value, found && ended
}

// StatField returns a field of stat, of those behind the name, by its number in
// proc_pid_stat(5); nothing where stat is torn.
func StatField(stat []byte, number int) []byte {
	rest := stat[bytes.LastIndexByte(stat, ')')+1:]
	for range number - 2 { // each behind a space
		_, rest, _ = bytes.Cut(rest, []byte(" "))
	}
	field, _, _ := bytes.Cut(rest, []byte(" "))
	return field
}

// StatNumber is a field that is a number; 0 where stat is torn.
func StatNumber(stat []byte, number int) uint64 {
	n, _ := strconv.ParseUint(string(StatField(stat, number)), 10, 64)
	return n
}
