// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// program is a copy of this one that all may exec.
func program(t *testing.T, mode uint32) (path string) {
	t.Helper()
	path = copyOfSelf(t)
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// victim is a user's process that has no more than his rights since its exec, so
// that he may trace it.
func victim(t *testing.T, m *mount, plain string) *zoo.Reader {
	t.Helper()
	v := zoo.NewReader(t, "user", m.dir)
	if v == nil {
		t.Fatal("no user")
	}
	if _, err := v.Do("exec", plain); err != nil {
		t.Fatal(err)
	}
	return v
}

// privileged checks that an exec has given root's rights.
func privileged(t *testing.T, pid int) {
	t.Helper()
	if status := readFile(t, fmt.Sprintf("/proc/%d/status", pid)); !strings.Contains(status, fmt.Sprintf("\nUid:\t%d\t0\t0\t0\n", zooUser)) {
		t.Fatalf("the program has not got its owner's rights:\n%s", status)
	}
}

// ownedFiles are those of a process that its owner may read, for as long as it has his
// rights alone, and those that then show less.
var ownedFiles = []string{"stat", "io", "maps", "environ", "auxv", "smaps", "syscall", "personality", "mountinfo", "status", "limits"}

// A user who has files open of a process of his, which then execs a program with its
// owner's rights, gets no more of that than procfs gives him.
func TestAttackByExec(t *testing.T) {
	m := newSharedMount(t)
	program, victim := program(t, 0o4755), victim(t, m, program(t, 0o755))
	err := as(t, zooUser, zooGroup, func() error {
		type pair struct{ ours, theirs *os.File }
		open := map[string]pair{}
		for _, file := range ownedFiles {
			ours, err := os.Open(m.path(fmt.Sprintf("tasks/%d/%s", victim.PID, file)))
			theirs, theirErr := os.Open(fmt.Sprintf("/proc/%d/%s", victim.PID, file))
			if !errors.Is(err, errnoOf(theirErr)) {
				t.Errorf("%s before: %v, natively %v", file, err, theirErr)
			}
			if err == nil && theirErr == nil {
				defer ours.Close()
				defer theirs.Close()
				open[file] = pair{ours, theirs}
			}
		}
		if len(open) < len(ownedFiles)-1 {
			t.Errorf("only %d files can be opened before", len(open))
		}
		tables := map[string]*os.File{}
		for _, file := range []string{"files", "vmas", "stat"} {
			f, err := os.Open(m.path("tasks/" + file))
			if err != nil {
				t.Error(err)
				continue
			}
			defer f.Close()
			tables[file] = f
		}
		if _, err := victim.Do("exec", program); err != nil {
			return err
		}
		for file, p := range open {
			got, gotErr := readWhole(p.ours)
			want, wantErr := readWhole(p.theirs)
			// To be told less, as at once what procfs finds empty, is as good.
			if gotErr == nil && (wantErr != nil || comparable(file, got) != comparable(file, want)) {
				t.Errorf("%s, open before, gives\n%.400q\nnatively\n%.400q, %v", file, got, want, wantErr)
			}
		}
		for file, f := range tables {
			if text, err := readWhole(f); err != nil || strings.Contains(text, program) || text == "" {
				t.Errorf("tasks/%s, open before, has the program, or nothing: %v", file, err)
			}
		}
		for _, file := range ownedFiles {
			got, gotErr := os.ReadFile(m.path(fmt.Sprintf("tasks/%d/%s", victim.PID, file)))
			want, wantErr := os.ReadFile(fmt.Sprintf("/proc/%d/%s", victim.PID, file))
			if !errors.Is(gotErr, errnoOf(wantErr)) || comparable(file, string(got)) != comparable(file, string(want)) {
				t.Errorf("%s is\n%.400q, %v, natively\n%.400q, %v", file, got, gotErr, want, wantErr)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	privileged(t, victim.PID)
}

// A user who reads all the while what a process of his has gets nothing of the program
// that it execs meanwhile.
func TestAttackByExecMeanwhile(t *testing.T) {
	m := newSharedMount(t)
	program, plain := program(t, 0o4755), program(t, 0o755)
	times := 10
	if os.Getenv("ITERFS_VM") != "" {
		times = 2
	}
	for range times {
		if t.Failed() {
			return
		}
		victim := victim(t, m, plain)
		var over atomic.Bool
		var shown, refused atomic.Int64
		var readers sync.WaitGroup
		for _, file := range []string{"maps", "environ", "smaps", "fdinfo/0"} {
			readers.Go(func() {
				err := as(t, zooUser, zooGroup, func() error {
					for !over.Load() {
						b, err := os.ReadFile(m.path(fmt.Sprintf("tasks/%d/%s", victim.PID, file)))
						text := string(b)
						switch {
						case err != nil:
							refused.Add(1)
						case strings.Contains(text, program):
							return fmt.Errorf("%s shows what the program has", file)
						default:
							shown.Add(1)
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		await := func(count *atomic.Int64) {
			for deadline := time.Now().Add(10 * time.Second); count.Load() < 20 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			}
		}
		await(&shown)
		_, err := victim.Do("exec", program)
		await(&refused)
		over.Store(true)
		readers.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if privileged(t, victim.PID); shown.Load() < 20 || refused.Load() < 20 {
			t.Errorf("%d times it is shown before, and %d times refused then", shown.Load(), refused.Load())
		}
	}
}

func readWhole(f *os.File) (string, error) {
	text, err := io.ReadAll(f)
	return string(text), err
}

// errnoOf is the number in an error; nil without one.
func errnoOf(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
