// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// An assembly is mounted whole, or not at all.
func TestAttach(t *testing.T) {
	need.Root(t)
	log := slog.New(slog.DiscardHandler)
	for _, missing := range []string{"", "missing"} {
		c, err := Connect(ConnectionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		entries := []Entry{{Path: "on", Dir: true}, {Path: "sys", Dir: true}}
		served, err := c.Serve(New(entries), NewStats(), log)
		if err != nil {
			t.Fatal(err)
		}
		procfs, err := NativeProcfs()
		if err != nil {
			t.Fatal(err)
		}
		a := NewAssembly(c)
		a.Put(procfs, c.Mount, "on")
		a.Bind(procfs, c.Mount, "sys")
		if missing != "" {
			a.Bind(procfs, c.Mount, missing)
		}
		dir := t.TempDir()
		claim, err := NewClaim(dir, "", log)
		if err != nil {
			t.Fatal(err)
		}
		err = claim.Attach(a)
		claim.Release()
		c.CloseMount()
		unix.Close(procfs)
		top, tableErr := mountedOn(dir)
		if tableErr != nil {
			t.Fatal(tableErr)
		}
		if missing != "" {
			if err == nil || !strings.Contains(err.Error(), missing) || top != nil {
				t.Errorf("a bind of what is not there: %v, mounted: %v", err, top)
			}
		} else {
			if err != nil || top == nil {
				t.Fatalf("not mounted: %v", err)
			}
			if _, err := os.Stat(filepath.Join(dir, "sys/kernel")); err != nil {
				t.Error(err)
			}
			if err := Unmount(dir, false); !strings.Contains(err.Error(), "in use") {
				t.Errorf("what is no drop-in's counts as its own: %v", err)
			}
			if err := UnmountOwn(dir, a.Devices(), true); err != nil {
				t.Error(err)
			}
		}
		select {
		case <-served:
		case <-time.After(10 * time.Second):
			t.Errorf("%q: something of it lives on", missing)
		}
	}
}
