// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

func TestMain(m *testing.M) {
	zoo.Init() // an animal does not return
	os.Exit(m.Run())
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
	var allowed, refused int
	for _, kind := range zoo.ReaderKinds() {
		r := zoo.NewReader(t, kind, "")
		if r == nil {
			continue
		}
		animals["the reader"] = r.PID
		for animal, pid := range animals {
			number := numberFor(t, r, pid)
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

// numberFor is the number that a reader knows a process by: its own procfs names
// what has the same start and the same innermost number; "" where there is none.
func numberFor(t *testing.T, r *zoo.Reader, pid int) string {
	t.Helper()
	if r.Level == 0 {
		return strconv.Itoa(pid)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nNSpid:\t")
	line, _, _ := strings.Cut(rest, "\n")
	numbers := strings.Fields(line)
	if len(numbers) <= r.Level {
		return ""
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	inner, err := r.Do("read", fmt.Sprintf("/proc/%s/stat", numbers[r.Level]))
	if err != nil || startOf(inner) != startOf(string(stat)) {
		return "" // it is in another one of that level
	}
	return numbers[r.Level]
}

// startOf is when a process began, by its stat.
func startOf(stat string) string { return strings.Fields(stat[strings.LastIndexByte(stat, ')'):])[20] }
