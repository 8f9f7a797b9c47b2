// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// stormEnv says how long the storm lasts.
const stormEnv = "ITERFS_STORM"

// While processes come and go all the time, programs go on working: they end in time,
// and complain of nothing that they do not complain of over the kernel's /proc. Nobody
// who is gone is listed.
func TestProcForkStorm(t *testing.T) {
	need.Root(t)
	length := 5 * time.Second
	if text := os.Getenv(stormEnv); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	root := newProc(t)
	stop := storm(t)
	natively := complaintsOf(t, "/proc", length/4)
	var running sync.WaitGroup
	running.Go(func() { watchGraves(t, root, length*3/4) })
	running.Go(func() { readAll(t, root, length*3/4) })
	for complaint, example := range complaintsOf(t, root, length*3/4) {
		if natively[complaint] == "" && !slices.ContainsFunc(gone, func(s string) bool { return strings.Contains(complaint, s) }) {
			t.Errorf("a complaint that there is not natively: %s", example)
		}
	}
	running.Wait()
	t.Logf("%d processes came and went", stop())
}

// gone are what programs say of a process that has ended meanwhile.
var gone = []string{"No such file or directory", "No such process"}

// storm makes processes and threads that end at once, until stop is called, which
// tells how many.
func storm(t *testing.T) (stop func() int64) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	var running sync.WaitGroup
	var born atomic.Int64
	for _, script := range []string{"exit", "(exit) & exit", "sleep 0.01 & sleep 0.02 & wait"} {
		running.Go(func() {
			for ctx.Err() == nil {
				if err := exec.Command("/bin/sh", "-c", script).Run(); err != nil {
					t.Error(err)
				}
				born.Add(1)
			}
		})
	}
	running.Go(func() {
		for ctx.Err() == nil {
			go runtime.LockOSThread()
			time.Sleep(time.Millisecond)
		}
	})
	return func() int64 {
		cancel()
		running.Wait()
		return born.Load()
	}
}

var numbers = regexp.MustCompile(`\d+`)

// complaintsOf runs all programs one after another, for some time but each once, and
// returns the lines on their standard error, with an example by the line without its
// numbers.
func complaintsOf(t *testing.T, root string, length time.Duration) map[string]string {
	t.Helper()
	complaints := map[string]string{}
	for start, i := time.Now(), 0; i < len(clients) || time.Since(start) < length; i++ {
		c := clients[i%len(clients)]
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		need.Tool(t, c.args[0], c.debianPackage)
		cmd := over(ctx, root, c.arguments(t, []int{os.Getpid()})...)
		var errs strings.Builder
		cmd.Stderr = &errs
		err := cmd.Run()
		if ctx.Err() != nil || cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 {
			t.Errorf("%v with %s in the place of /proc: %v", c.args, root, err)
		}
		cancel()
		for line := range strings.Lines(errs.String()) {
			if c.args[0] == "fuser" && strings.HasPrefix(line, " ") {
				continue // of the table that it writes there
			}
			complaints[c.args[0]+numbers.ReplaceAllString(line, "N")] = line
		}
	}
	return complaints
}

// watchGraves makes processes and sees that they are there at once, and that those
// that have been reaped are in no listing that begins then, and cannot be found as soon
// as the kernel has forgotten what it had.
func watchGraves(t *testing.T, root string, length time.Duration) {
	for start := time.Now(); time.Since(start) < length; {
		cmd := exec.Command("/bin/sh", "-c", "read x")
		stdin, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Error(err)
			return
		}
		pid := strconv.Itoa(cmd.Process.Pid)
		if text, err := os.ReadFile(filepath.Join(root, pid, "comm")); err != nil {
			t.Errorf("a new process %s has no name: %q, %v", pid, text, err)
		}
		if !slices.Contains(list(t, root), pid) {
			t.Errorf("a new process %s is not listed", pid)
		}
		stdin.Close()
		cmd.Wait()
		if slices.Contains(list(t, root), pid) && !exists(pid) {
			t.Errorf("process %s is listed after its end", pid)
		}
		time.Sleep(freshness)
		if _, err := os.Stat(filepath.Join(root, pid)); !errors.Is(err, unix.ENOENT) && !exists(pid) {
			t.Errorf("process %s after its end: %v", pid, err)
		}
	}
}

// exists reports whether a number has a process again.
func exists(pid string) bool {
	_, err := os.Stat("/proc/" + pid)
	return err == nil
}

// readAll reads the small files of all processes, again and again: they are whole, of
// the process, or tell that it is gone.
func readAll(t *testing.T, root string, length time.Duration) {
	for start := time.Now(); time.Since(start) < length; {
		for _, pid := range list(t, root) {
			if _, err := strconv.Atoi(pid); err != nil {
				continue
			}
			for _, name := range []string{"stat", "status", "statm", "cmdline", "comm"} {
				text, err := os.ReadFile(filepath.Join(root, pid, name))
				if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
					continue
				}
				ofIt := err == nil
				switch name {
				case "stat":
					ofIt = ofIt && strings.HasPrefix(string(text), pid+" (") && whole[name].Match(text)
				case "status":
					ofIt = ofIt && strings.Contains(string(text), "\nPid:\t"+pid+"\n") && strings.HasSuffix(string(text), "\n")
				case "statm":
					ofIt = ofIt && whole[name].Match(text)
				}
				if !ofIt {
					t.Errorf("%s of %s is %q, %v", name, pid, text, err)
				}
			}
		}
	}
}
