// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/iterfs/iterfs/native"
)

// Capable reports whether the reader has a capability over the whole machine, as
// capable() of the kernel decides it for a reader who acts as the user who he is.
// Of a reader who cannot be looked at it says no.
func (r Reader) Capable(capability int) bool {
	own, err := native.Readlink("self/ns/user")
	if err != nil {
		return false
	}
	reader, err := native.Readlink(fmt.Sprintf("%d/ns/user", r.TID))
	if err != nil || reader != own {
		return false
	}
	status, err := native.ReadFile(fmt.Sprintf("%d/status", r.TID))
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(status, []byte("\nCapEff:\t"))
	hex, _, _ := bytes.Cut(rest, []byte("\n"))
	set, err := strconv.ParseUint(string(hex), 16, 64)
	return err == nil && set>>capability&1 != 0
}
