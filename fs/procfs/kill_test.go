// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/tests/need"
)

// serveOn is the directory that a process of the tests serves until it is killed.
const serveOn = "PROCFS_TEST_SERVE"

func serve(dir string) {
	m, err := mount(dir, Config{Freshness: 250 * time.Millisecond})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("served")
	<-m.Done()
	os.Exit(0)
}

// A server that is killed at any moment of scans, of files that change, ends, and so
// do its readers; or they do when it is unmounted by force.
func TestKilledServer(t *testing.T) {
	need.Root(t)
	herd(t, 40)
	c := newClock(t)
	stop := make(chan struct{})
	var changes sync.WaitGroup
	changes.Go(func() { c.run(t, stop) })
	defer changes.Wait()
	defer close(stop)
	for range 10 {
		kill(t, t.TempDir())
	}
}

func kill(t *testing.T, dir string) {
	server := exec.Command("/proc/self/exe")
	server.Env = append(os.Environ(), serveOn+"="+dir)
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 1))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	defer unix.Unmount(filepath.Join(dir, fs.NativeName), unix.MNT_DETACH)
	ended := make(chan struct{})
	var readers sync.WaitGroup
	var killed atomic.Int32
	for range 4 {
		readers.Go(func() {
			for killed.Load() == 0 {
				names, _ := os.ReadDir(dir)
				for _, e := range names {
					if _, is := parsePID(e.Name()); is {
						os.ReadFile(filepath.Join(dir, e.Name(), "stat"))
					}
				}
				os.ReadFile(filepath.Join(dir, strconv.Itoa(os.Getpid()), "stat"))
			}
		})
	}
	go func() {
		readers.Wait()
		server.Wait()
		close(ended)
	}()
	time.Sleep(100*time.Millisecond + rand.N(200*time.Millisecond))
	killed.Store(1)
	server.Process.Kill()
	select {
	case <-ended:
		return
	case <-time.After(3 * time.Second):
	}
	// It was about to push what a reader had asked for a moment before: the kernel then
	// waits for an answer. The end of the connection ends that too. What takes a path
	// through the tree, as to unmount what is on it first, may wait for one itself.
	if err := unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		stacks, _ := exec.Command("sh", "-c", fmt.Sprintf("cat /proc/%d/task/*/stack", server.Process.Pid)).Output()
		t.Fatalf("the server or its readers do not end:\n%s", stacks)
	}
}

// A reader that is killed leaves a server that works, and can be unmounted.
func TestKilledReaders(t *testing.T) {
	herd(t, 40)
	m := mounted(t, nil)
	for range 10 {
		reader := exec.Command("sh", "-c", "while :; do cat "+m.Dir+"/[0-9]*/stat; done > /dev/null")
		out, err := reader.StderrPipe()
		if err == nil {
			err = reader.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(100 * time.Millisecond))
		reader.Process.Kill()
		io.Copy(io.Discard, out) // until the last cat has ended
		reader.Wait()
	}
	readFile(t, m.path(os.Getpid(), "stat"))
}

// A pid that is given to another shows nothing of who had it before.
func TestReusedPID(t *testing.T) {
	herd(t, 10)
	m := mounted(t, nil)
	was := "first"
	start := func(argument string, pid int) *exec.Cmd {
		if pid != 0 {
			if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("sleep", "1000", argument)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	end := func(cmd *exec.Cmd) {
		cmd.Process.Kill()
		cmd.Wait()
	}
	first := start("1", 0)
	pid := first.Process.Pid
	reused := 0
	for i := range 50 {
		scan(t, m, i%2 == 0, "cmdline", func(int, []byte) {})
		end(first)
		if _, err := os.Lstat(m.path(pid, "nothing")); err == nil {
			t.Error("a name that is not")
		}
		argument := strconv.Itoa(i * i)
		first = start(argument, pid)
		if first.Process.Pid != pid {
			continue // another thread of the test was faster
		}
		reused++
		scan(t, m, i%2 == 0, "cmdline", func(p int, cmdline []byte) {
			if p == pid && string(cmdline) != "sleep\x001000\x00"+argument+"\x00" {
				native := readFile(t, fmt.Sprintf("/proc/%d/cmdline", pid))
				if string(native) == "sleep\x001000\x00"+argument+"\x00" {
					t.Errorf("%q is that of %s", cmdline, was)
				}
			}
		})
		was = argument
	}
	end(first)
	if reused < 10 {
		t.Errorf("the pid was given again %d times only", reused)
	}
}
