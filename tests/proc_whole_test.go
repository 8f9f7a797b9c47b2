// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// whole are the contents that the files of a process can have from end to end.
var whole = map[string]*regexp.Regexp{
	"stat":   regexp.MustCompile(`^\d+ \((?s:.*)\) [A-Za-z]( -?\d+){49}\n$`),
	"statm":  regexp.MustCompile(`^\d+( \d+){6}\n$`),
	"status": regexp.MustCompile(`^Name:\t(?s:.*)\nState:\t[A-Z] \([a-z ]+\)\n(?s:.*)\nvoluntary_ctxt_switches:\t\d+\nnonvoluntary_ctxt_switches:\t\d+\n(?s:.*\n)?$`),
	"comm":   regexp.MustCompile(`^.*\n$`),
	// The kernel reads it while the process writes: it may be of two titles.
	"cmdline": regexp.MustCompile(`^[xy][xy\x00]*$`),
}

// The files of a process that changes all the time are whole, each time: never cut
// off, never with the end of what was there before. So are the kernel's.
func TestProcFilesAreWhole(t *testing.T) {
	pid := strconv.Itoa(zoo.Restless(t))
	roots := map[string]func() string{"native": func() string { return "/proc" }}
	for _, options := range procMounts {
		roots[options] = func() string { return newProc(t, options) }
	}
	for name, root := range roots {
		t.Run(name, func(t *testing.T) {
			root, reads := root(), 0
			for start := time.Now(); time.Since(start) < time.Second; {
				if reads%50 == 0 {
					list(t, root) // a scan begins
				}
				for name, want := range whole {
					reads++
					text, err := os.ReadFile(filepath.Join(root, pid, name))
					if err != nil || !want.Match(text) {
						t.Fatalf("%s is %q, %v", name, text, err)
					}
				}
			}
			t.Logf("%d reads", reads)
		})
	}
}

// A mortal is a process that can be renamed and ended.
type mortal struct {
	pid  int
	name func(name string)
	end  func()
}

func newMortal(t *testing.T) mortal {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `while read -r name; do echo "$name" >/proc/$$/comm; echo; done`)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		stdin.Close()
		cmd.Wait()
	})
	t.Cleanup(end)
	return mortal{cmd.Process.Pid, func(name string) {
		fmt.Fprintln(stdin, name)
		if _, err := stdout.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
	}, end}
}

// A file that stays open has the process's present content for each reader who
// begins anew, and nothing after the process's end.
func TestProcOpenFilesAreLive(t *testing.T) {
	for _, options := range procMounts {
		t.Run(options, func(t *testing.T) {
			root := newProc(t, options)
			for _, name := range []string{"stat", "status", "statm", "cmdline", "comm", "environ", "limits"} {
				checkLive(t, root, name)
			}
		})
	}
}

// freshness is how long a scan may go by what it has, and some time more.
const freshness = 300 * time.Millisecond

func checkLive(t *testing.T, root, name string) {
	p := newMortal(t)
	p.name("young")
	f, err := os.Open(filepath.Join(root, strconv.Itoa(p.pid), name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list(t, root)
	read := func() (string, error) {
		b := make([]byte, 8192)
		n, err := f.ReadAt(b, 0)
		return string(b[:n]), err
	}
	named := name == "comm" || name == "stat" || name == "status"
	for _, now := range []string{"young", "of another age"} {
		p.name(now)
		time.Sleep(freshness)
		if text, err := read(); text == "" || err != io.EOF || named != strings.Contains(text, now) {
			t.Errorf("%s of a process that is named %q now is %q, %v", name, now, text, err)
		}
	}
	p.end()
	time.Sleep(freshness)
	text, err := read()
	if text != "" || (err != io.EOF && !errors.Is(err, unix.ESRCH)) {
		t.Errorf("%s of a process that has ended is %q, %v", name, text, err)
	}
	if _, err := os.Stat(f.Name()); !errors.Is(err, unix.ENOENT) {
		t.Errorf("%s of a process that has ended: %v", name, err)
	}
}
