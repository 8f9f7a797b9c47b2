// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/iterfs/iterfs/tests/need"
)

// spinner is a process of one thread that begins or ends another for each line.
const spinner = `
import sys, threading
for line in sys.stdin:
    if line == "+\n":
        end = threading.Event()
        other = threading.Thread(target=end.wait)
        other.start()
    else:
        end.set()
        other.join()
    print("done", flush=True)`

// startSpinner returns its pid, and what begins or ends its second thread.
func startSpinner(t *testing.T) (pid int, turn func(string)) {
	t.Helper()
	cmd := exec.Command(need.Tool(t, "python3", "python3"), "-c", spinner)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	answers := bufio.NewReader(out)
	return cmd.Process.Pid, func(line string) {
		t.Helper()
		_, err := io.WriteString(in, line+"\n")
		if _, answered := answers.ReadString('\n'); err != nil || answered != nil {
			t.Fatalf("the process does not answer: %v, %v", err, answered)
		}
	}
}

// fresh lists a directory.
func fresh(t *testing.T, dir string) []string {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer f.Close()
	return relisted(t, f)
}

// relisted lists an open one from its beginning.
func relisted(t *testing.T, f *os.File) []string {
	t.Helper()
	_, err := f.Seek(0, io.SeekStart)
	if err != nil {
		t.Error(err)
	}
	names, err := f.Readdirnames(-1)
	if err != nil {
		t.Error(err)
	}
	slices.Sort(names)
	return names
}

// A kept is the directory of the threads of such a process, of which the kernel may answer
// a scan from a list that it keeps, and the native one.
type kept struct {
	root      *os.File // of proc/, open as a scan has it
	dir, real string
	turn      func(string)
}

func newKept(t *testing.T, m *mount) *kept {
	t.Helper()
	pid, turn := startSpinner(t)
	root, err := os.Open(m.path("proc"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	k := &kept{root, m.path(fmt.Sprintf("proc/%d/task", pid)), fmt.Sprintf("/proc/%d/task", pid), turn}
	k.scan(t)
	return k
}

func (k *kept) scan(t *testing.T) { relisted(t, k.root) }

func (k *kept) list(t *testing.T) []string { return fresh(t, k.dir) }

// same compares a list with what does not change meanwhile.
func (k *kept) same(t *testing.T, what string, list func(*testing.T) []string) {
	t.Helper()
	for range 100 {
		before, got := fresh(t, k.real), list(t)
		if want := fresh(t, k.real); slices.Equal(before, want) {
			if !slices.Equal(got, want) {
				t.Errorf("%s: threads %v, want %v", what, got, want)
			}
			return
		}
	}
	t.Errorf("%s: the threads never stay as they are", what)
}

// Whoever opens the directory sees the threads that there are, whoever else has it open.
func TestProcKeptList(t *testing.T) {
	m := newMount(t)
	k := newKept(t, m)
	k.same(t, "first", k.list)
	before := m.counted(t, "READDIRPLUS")
	k.same(t, "kept", k.list)
	if n := m.counted(t, "READDIRPLUS") - before; n != 0 {
		t.Errorf("a list that is kept costs %d READDIRPLUS", n)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			held, err := os.Open(k.dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer held.Close()
			for {
				select {
				case <-stop:
					return
				default:
				}
				relisted(t, held)
				for _, tid := range k.list(t) {
					os.ReadFile(filepath.Join(k.dir, tid, "stat"))
				}
			}
		})
	}
	for i := range 60 {
		if i%10 == 0 {
			k.scan(t)
		}
		k.turn("+")
		k.same(t, "another has begun", k.list)
		k.turn("-")
		k.same(t, "it has ended", k.list)
	}
	close(stop)
	readers.Wait()
}

// Whoever has it open and rewinds it sees those that there were no longer ago than
// freshness= says.
func TestProcKeptListRewound(t *testing.T) {
	m := newMount(t)
	for range 3 {
		k := newKept(t, m)
		held, err := os.Open(k.dir)
		if err != nil {
			t.Fatal(err)
		}
		again := func(t *testing.T) []string { return relisted(t, held) }
		k.same(t, "held", again)
		k.turn("+")
		time.Sleep(300 * time.Millisecond)
		k.same(t, "rewound after another has begun", again)
		k.turn("-")
		time.Sleep(300 * time.Millisecond)
		k.same(t, "rewound after it has ended", again)
		held.Close()
		k.same(t, "opened then", k.list)
	}
}
