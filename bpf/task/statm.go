// SPDX-License-Identifier: Apache-2.0

package task

import (
	"strconv"

	"github.com/iterfs/iterfs/bpf"
)

// appendStatm appends /proc/<pid>/statm, as proc_pid_statm() of fs/proc/array.c
// writes it: pages.
func appendStatm(dst []byte, e entry[taskStatmRecord]) ([]byte, error) {
	r := e.rec
	if r.Incomplete != 0 && exactPages() {
		return appendNative(dst, r.Key, "statm")
	}
	dst = strconv.AppendUint(dst, r.TotalVm, 10)
	shared := r.Pages.of(filePages) + r.Pages.of(shmemPages)
	for _, v := range [...]uint64{r.Pages.resident(), shared, textBytes(r.StartCode, r.EndCode) / pageSize, 0, r.DataVm + r.StackVm, 0} {
		dst = bpf.AppendField(dst, v)
	}
	return append(dst, '\n'), nil
}

// textBytes is how much the code takes in whole pages.
func textBytes(start, end uint64) uint64 {
	return (end+pageSize-1)&^(pageSize-1) - start&^(pageSize-1)
}
