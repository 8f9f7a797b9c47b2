// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"os/exec"
	"testing"
)

// BenchmarkIters reads users' programs through iters/ and as they are pinned: one
// of 40 MB of text by several programs, one of as many bytes that cost the kernel next to nothing, and
// one that tells nothing; this also by system calls alone, a thousand times.
func BenchmarkIters(b *testing.B) {
	m := newMount(b)
	p := newPinner(b)
	m.mustPut(b, "flood", "empty")
	shell := func(before, after string) func(path string) func() {
		return func(path string) func() {
			return func() {
				if err := exec.Command("/bin/sh", "-c", before+" "+path+" "+after+" >/dev/null").Run(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	cat := shell("cat", "")
	buf := make([]byte, 128<<10)
	calls := func(path string) func() {
		return func() {
			for range 1000 {
				readThrough(b, path, buf)
			}
		}
	}
	for _, test := range []struct {
		name, object, program string
		read                  func(path string) func()
	}{
		{"text", "flood", "text", cat},
		{"text-awk", "flood", "text", shell("awk '{n+=$1} END {print n}'", "")},
		{"text-grep", "flood", "text", shell("grep -c 7", "| cat")}, // into /dev/null itself grep stops at the first match
		{"bytes", "flood", "bytes", cat},
		{"empty", "empty", "nothing", cat}, {"empty-calls", "empty", "nothing", calls},
	} {
		ours, pinned := m.path("iters/"+test.object+"/"+test.program), p.pin(b, test.object, test.program, "")
		b.Run(test.name, func(b *testing.B) {
			rounds(b, m, []string{"iterfs", "pinned"}, test.read(ours), test.read(pinned))
		})
	}
}
