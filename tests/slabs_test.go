// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// slabLines splits slabinfo into its head and the lines of the caches.
func slabLines(t testing.TB, file string) (head string, names []string, lines map[string]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines = map[string]string{}
	for i, line := range strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n") {
		if i < 2 {
			head += line
			continue
		}
		name, _, _ := strings.Cut(line, " ")
		names = append(names, name)
		lines[name] += line // two caches can have one name
	}
	return head, names, lines
}

// The lines of caches that nobody uses meanwhile are those of the real file.
func TestSlabsEqualSlabinfo(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "kmem_cache", "kernel/slabs")
	m.read(t, "kernel/slabs")
	persistently(t, func() (complaints []string) {
		head, names, before := slabLines(t, "/proc/slabinfo")
		ourHead, ourNames, got := slabLines(t, m.path("kernel/slabs"))
		_, _, after := slabLines(t, "/proc/slabinfo")
		if ourHead != head || strings.Join(ourNames, " ") != strings.Join(names, " ") {
			complaints = append(complaints, fmt.Sprintf("head %q and caches %q, want %q and %q", ourHead, ourNames, head, names))
		}
		same, partly := 0, 0
		for name, line := range before {
			if after[name] != line {
				continue
			}
			same++
			if f := strings.Fields(line); f[1] != f[2] {
				partly++
			}
			if got[name] != line {
				complaints = append(complaints, fmt.Sprintf("%s is\n%s, want\n%s", name, got[name], line))
			}
		}
		if same < len(names)/2 || partly < 5 {
			complaints = append(complaints, fmt.Sprintf("of %d caches only %d stayed as they are, %d of them partly used", len(names), same, partly))
		}
		return complaints
	})
	var ours, real unix.Stat_t
	if err := unix.Stat(m.path("kernel/slabs"), &ours); err != nil {
		t.Fatal(err)
	}
	if err := unix.Stat("/proc/slabinfo", &real); err != nil || ours.Mode != real.Mode {
		t.Errorf("mode %o, that of slabinfo is %o, %v", ours.Mode, real.Mode, err)
	}
}
