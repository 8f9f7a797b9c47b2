// SPDX-License-Identifier: Apache-2.0

package query

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// appendPointer appends an address as the kernel prints it, or only that it is one.
func appendPointer(dst []byte, v uint64, shown bool) []byte {
	if !shown {
		return append(dst, "hidden"...)
	}
	const digits = "0123456789abcdef"
	dst = append(dst, "0x"...)
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[v>>shift&15])
	}
	return dst
}

// maySeePointers reports whether a reader may see the kernel's addresses: as with
// %pK, one with CAP_SYSLOG, and nobody where kptr_restrict is 2.
func maySeePointers(r bpf.Reader) bool {
	restrict, err := os.ReadFile("/proc/sys/kernel/kptr_restrict")
	if err != nil || len(restrict) == 0 || restrict[0] >= '2' || r.TID == 0 {
		return false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.TID))
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(status, []byte("\nCapEff:\t"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	caps, err := strconv.ParseUint(string(line), 16, 64)
	return err == nil && caps&(1<<unix.CAP_SYSLOG) != 0
}
