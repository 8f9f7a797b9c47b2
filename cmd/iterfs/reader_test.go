// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

func TestMain(m *testing.M) {
	zoo.Init() // an animal does not return
	os.Exit(zoo.Run(m))
}

// What is found out once is not what went wrong once.
func TestOnce(t *testing.T) {
	calls := 0
	f := once(func(context.Context) (int, error) {
		if calls++; calls == 1 {
			return 0, unix.EINTR
		}
		return calls, nil
	})
	if _, err := f(t.Context()); err != unix.EINTR {
		t.Errorf("the first call returns %v", err)
	}
	for range 2 {
		if n, err := f(t.Context()); n != 2 || err != nil {
			t.Errorf("a later call returns %d, %v", n, err)
		}
	}
}

func newTestSystem(t *testing.T) *system {
	t.Helper()
	need.Root(t)
	s, err := newSystem()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

// Every reader may see of every process what the kernel lets it see: procfs asks
// ptrace_may_access() before it tells where the link cwd leads to.
func TestMayTrace(t *testing.T) {
	s := newTestSystem(t)
	animals := zoo.New(t)
	animals["kernel thread"] = 2
	animals["this test"] = os.Getpid()
	tree := t.TempDir()
	if err := os.Chmod(filepath.Dir(tree), 0o755); err != nil { // others come by it
		t.Fatal(err)
	}
	var allowed, refused int
	for _, kind := range zoo.ReaderKinds() {
		r := zoo.NewReader(t, kind, tree)
		if r == nil {
			continue
		}
		animals["the reader"] = r.PID
		for animal, pid := range animals {
			number := r.NumberOf(t, pid)
			_, native := r.Do("readlink", fmt.Sprintf("/proc/%s/cwd", number))
			want := error(nil) // of one that has no directory any more, too
			switch {
			case number == "":
				want = unix.ESRCH
			case errors.Is(native, unix.EACCES):
				want = unix.EACCES
			}
			got := s.mayTrace(t.Context(), fs.Caller{TID: uint32(r.PID)}, bpf.Key{ID: uint32(pid)})
			if got != want {
				t.Errorf("%s may trace %q: %v, the kernel says %v (%v)", kind, animal, got, want, native)
			}
			if got == nil {
				allowed++
			} else {
				refused++
			}
		}
	}
	if allowed < 100 || refused < 100 {
		t.Errorf("only %d are allowed and %d refused", allowed, refused)
	}
	if err := s.mayTrace(t.Context(), fs.Caller{}, bpf.Key{ID: 2}); !errors.Is(err, unix.EACCES) {
		t.Errorf("a reader whom nobody sees: %v", err)
	}
	if err := s.mayTrace(t.Context(), fs.Caller{TID: uint32(os.Getpid())}, bpf.Key{ID: 2, Birth: 1}); err != unix.ESRCH {
		t.Errorf("a process that was born otherwise: %v", err)
	}
}
