// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// newThread makes a thread of this process that lives until end is called.
func newThread() (tid int, end func()) {
	started, ended := make(chan int), make(chan struct{})
	go func() {
		runtime.LockOSThread() // it ends with this
		tid, end := unix.Gettid(), func() {}
		if tid == os.Getpid() { // but for the first, which is kept while there is another
			defer runtime.UnlockOSThread()
			tid, end = newThread()
		}
		started <- tid
		<-ended
		end()
	}()
	return <-started, func() { close(ended) }
}

// Threads are directories in a directory, as programs want them who follow no links.
func TestThreadsAreDirectories(t *testing.T) {
	m := mounted(t, nil)
	tid, end := newThread()
	defer end()
	dir := m.path(os.Getpid(), "task")
	for _, path := range []string{dir, filepath.Join(dir, strconv.Itoa(tid))} {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Errorf("open %s without following links: %v", path, err)
			continue
		}
		unix.Close(fd)
	}
	other := exec.Command("cat")
	if _, err := other.StdinPipe(); err != nil || other.Start() != nil {
		t.Fatal("cannot start cat")
	}
	defer other.Wait()
	defer other.Process.Kill()
	if _, err := os.Lstat(filepath.Join(dir, strconv.Itoa(other.Process.Pid))); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a process as a thread of another: %v", err)
	}
	comm := filepath.Join(dir, strconv.Itoa(tid), "comm")
	if err := os.WriteFile(comm, []byte("renamed"), 0); err != nil {
		t.Error(err)
	}
	if text := string(readFile(t, fmt.Sprintf("/proc/self/task/%d/comm", tid))); text != "renamed\n" {
		t.Errorf("the name written to %s is %q natively", comm, text)
	}
}

// A name that is no number is no thread, and leaves nothing open.
func TestThreadsOfOtherNames(t *testing.T) {
	m := mounted(t, nil)
	dir := m.path(os.Getpid(), "task")
	names(t, dir)
	before := len(names(t, "/proc/self/fd"))
	for i := range 50 {
		if _, err := os.Lstat(filepath.Join(dir, "x"+strconv.Itoa(i))); !errors.Is(err, unix.ENOENT) {
			t.Errorf("a thread that is no number: %v", err)
		}
	}
	within(t, "all is closed again", func() bool { return len(names(t, "/proc/self/fd")) < before+10 })
}

// What OPENDIR has found answers the first READDIR, and no later one from the beginning.
func TestThreadsReadAgain(t *testing.T) {
	m := mounted(t, nil)
	names(t, m.path(os.Getpid(), "task"))
	m.mu.Lock()
	p := m.nodes.byPID[uint32(os.Getpid())].process
	m.mu.Unlock()
	in := fuse.ReadIn{InHeader: fuse.InHeader{NodeId: nodeID(p.id, threads)}}
	l := &listing{opened: true} // long ago
	for range 2 {
		tid, end := newThread()
		defer end()
		if err := m.entries(nil, l, &in); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(l.entries, func(e entry) bool { return e.name == strconv.Itoa(tid) }) {
			t.Errorf("thread %d is not in %v", tid, l.entries)
		}
	}
}

// Threads that have ended are gone, and neither the kernel nor the server keeps them.
func TestThreadsThatHaveEnded(t *testing.T) {
	m := mounted(t, nil)
	dir := m.path(os.Getpid(), "task")
	known := func() int {
		names(t, dir)
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.nodes.byPID[uint32(os.Getpid())].process.threads)
	}
	known()
	for range 20 {
		tid, end := newThread()
		path := filepath.Join(dir, strconv.Itoa(tid), "stat")
		readFile(t, path)
		if !slices.Contains(names(t, dir), strconv.Itoa(tid)) {
			t.Errorf("thread %d is not listed", tid)
		}
		end()
		within(t, fmt.Sprintf("thread %d is gone", tid), func() bool {
			_, err := os.Lstat(fmt.Sprintf("/proc/self/task/%d", tid))
			return errors.Is(err, unix.ENOENT)
		})
		if _, err := os.ReadFile(path); err == nil {
			t.Errorf("%s of a thread that has ended can be read", path)
		}
	}
	time.Sleep(m.config.Freshness)
	within(t, "the threads are forgotten", func() bool { return known() <= len(names(t, "/proc/self/task"))+1 })
}

// A number that another thread has got is another directory.
func TestThreadNumbersUsedAgain(t *testing.T) {
	nodes := table{byID: map[uint64]*task{}, byPID: tasks{}}
	p := nodes.find(10, 100, 0, 0)
	first := nodes.findAmong(p, 11, 200, 0, 0)
	nodes.ref(first, directory)
	if nodes.findAmong(p, 11, 200, 0, 0) != first {
		t.Error("a thread is not found again")
	}
	if p.process != p || first.path() != "10/task/11" || p.path() != "10" {
		t.Errorf("the paths are %s and %s", first.path(), p.path())
	}
	second := nodes.findAmong(p, 11, 201, 0, 0)
	if second == first || second.id == first.id {
		t.Error("a thread with the number of another is the same")
	}
	nodes.ref(second, directory)
	nodes.forget(nodeID(first.id, directory), 1)
	if nodes.findAmong(p, 11, 201, 0, 0) != second || nodes.byID[first.id] != nil {
		t.Error("to forget a thread is to forget the next one with its number")
	}
	nodes.forget(nodeID(second.id, directory), 1)
	if len(p.threads) != 0 || len(nodes.byID) != 0 {
		t.Errorf("what is forgotten stays: %v, %v", p.threads, nodes.byID)
	}
}

// within waits for a condition.
func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			t.Fatalf("after 20 s it is not so that %s", what)
		}
	}
}
