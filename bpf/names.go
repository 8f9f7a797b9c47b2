// SPDX-License-Identifier: Apache-2.0

package bpf

import "strconv"

// Names are the names of an enum's members, in order from 0.
type Names []string

// Append appends the name of a member, or "type_" and the number of one that is
// newer than the list.
func (n Names) Append(dst []byte, member uint32) []byte {
	if int64(member) < int64(len(n)) {
		return append(dst, n[member]...)
	}
	return strconv.AppendUint(append(dst, "type_"...), uint64(member), 10)
}
