// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// A censusFile is a file of which each row is told by some columns, its key, and
// others that stay as they are while what it tells of does nothing.
type censusFile struct {
	path        string
	key, stable []string
}

var censusFiles = []censusFile{
	{"tasks/table", []string{"PID"}, []string{"PPID", "PGID", "SID", "UID", "GID", "THREADS", "VSZ_KB", "START_MS", "CGROUP", "NETNS", "COMM"}},
	{"tasks/threads", []string{"PID", "TID"}, []string{"PPID", "PGID", "SID", "UID", "GID", "START_MS", "CGROUP", "NETNS", "COMM"}},
	{"tasks/files", []string{"PID", "FD"}, []string{"TYPE", "MODE", "POS", "DEV", "INO", "PATH"}},
	{"tasks/vmas", []string{"PID", "START"}, []string{"END", "PERMS", "OFFSET", "DEV", "INO", "PATH"}},
	{"tasks/stat", nil, nil}, // no table
}

// census reads a file in pieces and returns its rows that tell of the marked
// processes, by key; complain is told of a key that comes twice.
func (f censusFile) census(t *testing.T, m *mount, size int, marked map[string]bool) map[string]string {
	t.Helper()
	rows := map[string]string{}
	text := string(readIn(t, m.path(f.path), size))
	if f.key == nil {
		for pid, line := range bulkStat(t, text) {
			if marked[pid] {
				name, fields := splitStat([]byte(line))
				rows[pid] = name + strings.Join(fields[1:4], " ")
			}
		}
		return rows
	}
	for _, row := range table(t, text) {
		if !marked[row["PID"]] {
			continue
		}
		var key, value []string
		for _, column := range f.key {
			key = append(key, row[column])
		}
		for _, column := range f.stable {
			value = append(value, row[column])
		}
		k := strings.Join(key, " ")
		if _, twice := rows[k]; twice {
			t.Errorf("%s, read in pieces of %d: %s twice", f.path, size, k)
		}
		rows[k] = strings.Join(value, " ")
	}
	return rows
}

// While processes, threads, files and mappings come and go, the rows of those
// that live throughout are all there, once, and whole.
func TestChurn(t *testing.T) {
	m := newMount(t)
	marked := population(t, m)
	var files []censusFile
	before := map[string]map[string]string{}
	for _, f := range censusFiles {
		if _, err := os.Stat(m.path(f.path)); err != nil {
			continue // a target that this kernel lacks
		}
		files = append(files, f)
		before[f.path] = f.census(t, m, 128<<10, marked)
		if len(before[f.path]) < len(marked) {
			t.Errorf("%s tells of %d objects of %d processes", f.path, len(before[f.path]), len(marked))
		}
	}
	done := churn(t)
	rounds := 0
	for start := time.Now(); rounds < 2 || time.Since(start) < 3*time.Second; rounds++ {
		for i, f := range files {
			size := []int{500, 4 << 10, 60 << 10, 1 << 20}[(i+rounds)%4]
			now := f.census(t, m, size, marked)
			for key, row := range before[f.path] {
				if got, there := now[key]; !there {
					t.Errorf("%s, read in pieces of %d: %s is lost", f.path, size, key)
				} else if got != row {
					t.Errorf("%s, read in pieces of %d: %s is %s, was %s", f.path, size, key, got, row)
				}
			}
			if len(now) > len(before[f.path]) {
				t.Errorf("%s, read in pieces of %d: %d rows, of %d objects", f.path, size, len(now), len(before[f.path]))
			}
		}
	}
	processes, opened := done()
	t.Logf("%d rounds, %d processes and %d files came and went", rounds, processes, opened)
	if processes < 5 || opened < 1000 {
		t.Errorf("only %d processes and %d files came and went", processes, opened)
	}
}

// population makes processes that live throughout and do nothing, with threads,
// files and mappings.
func population(t *testing.T, m *mount) map[string]bool {
	t.Helper()
	const herd = 60
	parent := strconv.Itoa(zoo.Herd(t, herd))
	marked := map[string]bool{parent: true}
	for _, kind := range []string{"threads", "files", "mappings"} {
		marked[strconv.Itoa(zoo.One(t, kind))] = true
	}
	for _, row := range table(t, m.read(t, "tasks/table")) {
		if row["PPID"] == parent {
			marked[row["PID"]] = true
		}
	}
	if len(marked) != herd+4 {
		t.Fatalf("%d processes are marked", len(marked))
	}
	return marked
}

// churn makes 50 processes and threads a second, and opens and maps files, until
// done is called, which tells how many.
func churn(t *testing.T) (done func() (processes, opened int)) {
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	var running sync.WaitGroup
	var born, opened atomic.Int64
	every := func(pause time.Duration, what func()) {
		running.Go(func() {
			for ctx.Err() == nil {
				what()
				time.Sleep(pause)
			}
		})
	}
	every(20*time.Millisecond, func() {
		if err := exec.Command("/bin/sh", "-c", "exit").Run(); err != nil {
			t.Error(err)
		}
		born.Add(1)
	})
	every(20*time.Millisecond, func() {
		go runtime.LockOSThread() // a thread that ends with its goroutine
	})
	held, next := make([]func(), 1000), 0
	every(time.Millisecond, func() {
		for range 20 {
			if held[next] != nil {
				held[next]()
			}
			held[next] = hold(t, next)
			next = (next + 1) % len(held)
			opened.Add(1)
		}
	})
	return func() (int, int) {
		stop()
		running.Wait()
		for _, release := range held {
			if release != nil {
				release()
			}
		}
		return int(born.Load()), int(opened.Load())
	}
}

// hold opens a file, a socket or a mapping, and returns what closes it.
func hold(t *testing.T, i int) (release func()) {
	var fd int
	var err error
	switch i % 3 {
	case 0:
		fd, err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	case 1:
		fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	default:
		memory, err := unix.Mmap(-1, 0, 1<<14, []int{unix.PROT_NONE, unix.PROT_READ}[i&1], unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			t.Error(err)
		}
		return func() { unix.Munmap(memory) }
	}
	if err != nil {
		t.Error(err)
	}
	return func() { unix.Close(fd) }
}
