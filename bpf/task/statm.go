// SPDX-License-Identifier: Apache-2.0

package task

import (
	"strconv"

	"github.com/iterfs/iterfs/bpf"
)

// appendStatm appends /proc/<pid>/statm, as proc_pid_statm() of fs/proc/array.c
// writes it: pages.
func appendStatm(dst []byte, e entry[taskStatmRecord]) ([]byte, bool) {
	return e.rec.Sizes.append(dst)
}

// appendStatmOfStatus makes it of a record of status, which has all of it.
func appendStatmOfStatus(dst []byte, e entry[taskStatusRecord]) ([]byte, bool) {
	return e.rec.Mm.Sizes.append(dst)
}

func (s *taskSizes) append(dst []byte) ([]byte, bool) {
	if !s.known() {
		return dst, false
	}
	dst = strconv.AppendUint(dst, s.TotalVm, 10)
	shared := s.Pages.of(filePages) + s.Pages.of(shmemPages)
	for _, v := range [...]uint64{s.Pages.resident(), shared, s.text(), 0, s.DataVm + s.StackVm, 0} {
		dst = bpf.AppendField(dst, v)
	}
	return append(dst, '\n'), true
}

// known reports whether the pages have been counted as this kernel shows them.
func (s *taskSizes) known() bool { return s.Incomplete == 0 || !exactPages() }

// text is how many whole pages the code takes.
func (s *taskSizes) text() uint64 {
	return ((s.EndCode+pageSize-1)&^(pageSize-1) - s.StartCode&^(pageSize-1)) / pageSize
}
