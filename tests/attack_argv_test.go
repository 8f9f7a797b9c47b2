// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"testing"

	"github.com/iterfs/iterfs/tests/zoo"
)

// Arguments on a file of the mount itself are not asked for by the daemon, which would
// wait for itself.
func TestAttackByArgumentsOnTheMount(t *testing.T) {
	m := newMount(t)
	victims := map[string]int{}
	for _, file := range []string{"status", "tasks/table", "tasks/cmdline", "tasks/self/cmdline", "tasks/self/stat", "tasks/self/environ", "proc/self/cmdline"} {
		victims[file] = zoo.ArgvOnFile(t, m.path(file))
	}
	rows := numbered(t, inTime(t, m.path("tasks/cmdline")))
	for file, pid := range victims {
		p := fmt.Sprint(pid)
		if rows[p] != "-\n" {
			t.Errorf("the row of a process whose arguments are on %s is %q", file, rows[p])
		}
		for _, name := range []string{"cmdline", "maps", "status", "environ"} {
			want := inTime(t, "/proc/"+p+"/"+name)
			if got := inTime(t, m.path("tasks/"+p+"/"+name)); comparable(name, got) != comparable(name, want) {
				t.Errorf("%s is %q, in /proc %q", name, got, want)
			}
		}
		if got := inTime(t, m.path("proc/"+p+"/cmdline")); got != "" {
			t.Errorf("proc/ has arguments %q", got)
		}
	}
}
