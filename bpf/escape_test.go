// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"testing"
)

// Each byte is found wherever it stands among others that need no escape.
func TestIndexEscape(t *testing.T) {
	for c := range 256 {
		for n := range 20 {
			for at := range n {
				b := bytes.Repeat([]byte{'!'}, n)
				b[n-1], b[at] = 0xff, byte(c)
				want := -1
				if mustEscape(byte(c)) {
					want = at
				}
				if got := indexEscape(b); got != want {
					t.Fatalf("byte %#x at %d of %d: %d", c, at, n, got)
				}
			}
		}
	}
}
