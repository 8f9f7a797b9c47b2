// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/objects"
)

// Copies, removals, readings and settings of a few names at once: each does what
// it says or fails with what another has done, and nothing is left in the end.
func TestItersChurn(t *testing.T) {
	m := newMount(t)
	m.mustPut(t, "variables")
	m.read(t, "iters/variables/show")
	if err := os.Remove(m.path("iters/variables.bpf.o")); err != nil {
		t.Fatal(err)
	}
	fds := m.fds(t)
	contents := [][]byte{objects.Read(t, "variables"), objects.Read(t, "task"), objects.Read(t, "refused")}
	steps := map[string]func(i int, name string) error{
		"put": func(i int, name string) error {
			err := os.WriteFile(m.path("iters/"+name+".o"), contents[i%3], 0o600)
			if i%3 == 2 && errors.Is(err, unix.EACCES) {
				return nil
			}
			return err
		},
		"remove": func(_ int, name string) error { return os.Remove(m.path("iters/" + name + ".o")) },
		"set": func(i int, name string) error {
			return os.WriteFile(m.path("iters/"+name+"/vars/"+[]string{"limit", "color"}[i%2]), fmt.Append(nil, i), 0)
		},
		"read": func(_ int, name string) error {
			text, err := os.ReadFile(m.path("iters/" + name + "/dump_task"))
			// Tasks that have come since are told of behind it, as from a pin.
			if err == nil && !strings.Contains(string(text), "=== END ===\n") {
				return fmt.Errorf("torn: %q", text)
			}
			return err
		},
		"show": func(_ int, name string) error {
			text, err := os.ReadFile(m.path("iters/" + name + "/show"))
			if err == nil && strings.Count(string(text), "\n") != 1 {
				return fmt.Errorf("torn: %q", text)
			}
			return err
		},
		"list": func(int, string) error { _, err := os.ReadDir(m.path("iters")); return err },
	}
	var all sync.WaitGroup
	until := time.Now().Add(2 * time.Second)
	for what, step := range steps {
		all.Go(func() {
			done := 0
			for i := 0; time.Now().Before(until) || i < 20; i++ {
				switch err := step(i, []string{"a", "b"}[i/3%2]); {
				case err == nil:
					done++
				case !errors.Is(err, unix.ENOENT): // another has removed it, or put another there
					t.Errorf("%s: %v", what, err)
				}
			}
			t.Logf("%s: %d times", what, done)
		})
	}
	all.Wait()
	for _, name := range []string{"a.o", "b.o"} {
		if err := os.Remove(m.path("iters/" + name)); err != nil && !errors.Is(err, unix.ENOENT) {
			t.Error(err)
		}
	}
	if names := list(t, m.path("iters")); !slices.Equal(names, []string{"errors", "pinned"}) {
		t.Errorf("iters has %q", names)
	}
	m.settles(t)
	eventually(t, func() bool { return m.fds(t) <= fds+2 }, "descriptors are left")
}
