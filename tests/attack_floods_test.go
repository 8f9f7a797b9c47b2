// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
	"github.com/iterfs/iterfs/tests/need"
)

// served checks that other processes get what they ask for.
func (m *mount) served(t *testing.T, what string) {
	t.Helper()
	script := `read -r line <"$0"/tasks/self/stat && ls "$0"/tasks >/dev/null && read -r line <"$0"/tasks/table`
	if out, err := exec.Command("/bin/sh", "-c", script, m.dir).CombinedOutput(); err != nil {
		t.Errorf("%s, and another process reads: %v, %s", what, err, out)
	}
}

// openMany opens a file again and again, until that is refused.
func openMany(path string, times int) (fds []int, refused error) {
	for range times {
		fd, err := ignoringSignals(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
		if err != nil {
			return fds, err
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

// ignoringSignals calls again what one of the runtime's own signals has interrupted.
func ignoringSignals(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); err != unix.EINTR {
			return n, err
		}
	}
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// A reader that opens thousands of files and reads none is refused in the end, has
// cost little memory, and leaves descriptors to others.
func TestAttackByOpening(t *testing.T) {
	m := newMount(t)
	m.read(t, "tasks/stat")
	var limit unix.Rlimit
	if err := unix.Prlimit(m.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"tasks/stat", "tasks"} {
		before := m.rss(t)
		thread.Do(func() error {
			fds, err := openMany(m.path(path), 10_000)
			defer closeAll(fds)
			if want := min(int(limit.Cur)/8, 8192); !errors.Is(err, unix.ENFILE) || len(fds) != want {
				t.Errorf("%d of %d opens of %s succeed, then: %v", len(fds), want, path, err)
			}
			if grown := m.rss(t) - before; grown > 64<<10 {
				t.Errorf("%d open files %s cost %d KB", len(fds), path, grown)
			}
			m.served(t, "a reader has too many files open")
			return nil
		})
		m.settles(t)
		eventually(t, func() bool {
			fds, err := openMany(m.path(path), 10)
			closeAll(fds)
			return err == nil
		}, "nothing can be opened after all was closed")
		m.settles(t)
	}
	if last := m.status(t, "last_error"); len(last) != 1 || !strings.Contains(last[0], "too many open files") {
		t.Errorf("status has the last error %q", last)
	}
}

// A user who is not root has a part of that, in all of its threads together, and
// root what it leaves.
func TestAttackByAnotherUser(t *testing.T) {
	need.Root(t)
	const nobody = 65534
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := iterfs(t, "mount", "--daemon", "-o", "allow_other", dir); status != 0 {
		t.Fatalf("status %d, %q, %q", status, out, errs)
	}
	m := &mount{dir: dir}
	defer iterfs(t, "umount", "--lazy", dir)
	var fds []int
	var refused error
	for range 100 {
		thread.Do(func() error {
			if _, err := unix.SetfsuidRetUid(nobody); err != nil {
				t.Error(err)
			}
			var more []int
			more, refused = openMany(m.path("tasks/stat"), 100)
			fds = append(fds, more...)
			return nil
		})
		if refused != nil {
			break
		}
	}
	defer closeAll(fds)
	var limit unix.Rlimit // the daemon's as well
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if want := min(int(limit.Cur)/16, 4096); !errors.Is(refused, unix.ENFILE) || len(fds) != want {
		t.Errorf("another user opens %d files of %d, then: %v", len(fds), want, refused)
	}
	m.served(t, "another user has too many files open")
}

// Files that are held half read cost no more than their batches.
func TestAttackByReadingHalf(t *testing.T) {
	m := newMount(t)
	m.mustPut(t, "hostile")
	before := m.rss(t)
	var fds []int
	buf := make([]byte, 40<<10) // more than the first batch, so that it would read ahead
	for range 300 {
		opened, err := openMany(m.path("iters/hostile/large"), 1)
		fds = append(fds, opened...)
		if err == nil {
			_, err = ignoringSignals(func() (int, error) { return unix.Read(opened[0], buf) })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if grown := m.rss(t) - before; grown > 160<<10 {
		t.Errorf("%d files that were read half cost %d KB", len(fds), grown)
	}
	m.served(t, "a reader holds files half read")
	closeAll(fds)
	m.settles(t)
}

// While many threads read as much as they can, others are served, and the daemon's
// memory stays what those threads have in hand.
func TestAttackByReading(t *testing.T) {
	m := newMount(t)
	m.mustPut(t, "hostile")
	threads := 60
	if os.Getenv("ITERFS_VM") != "" {
		threads = 4 // of an emulated CPU, that is as much
	}
	var stop atomic.Bool
	var readers sync.WaitGroup
	var read atomic.Int64
	for range threads {
		readers.Go(func() {
			buf := make([]byte, 1<<20)
			for !stop.Load() {
				f, err := os.Open(m.path("iters/hostile/large"))
				if err != nil {
					t.Error(err)
					return
				}
				for err == nil && !stop.Load() {
					var n int
					n, err = f.Read(buf)
					read.Add(int64(n))
				}
				f.Close()
			}
		})
	}
	eventually(t, func() bool { return read.Load() > 64<<20 }, "nothing is read")
	for range 5 {
		m.served(t, "many threads read")
	}
	// A buffer for each thread, those that are read ahead, and as much again until the
	// runtime collects it.
	if rss := m.rss(t); rss > 700<<10 {
		t.Errorf("the daemon has %d KB", rss)
	}
	stop.Store(true)
	readers.Wait()
	m.settles(t)
}
