// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// numberedChild makes a child of this thread under a number, with that name.
func numberedChild(pid int32, comm string) (int32, error) {
	name, err := unix.BytePtrFromString(comm)
	if err != nil {
		return 0, err
	}
	if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0); err != nil {
		return 0, err
	}
	return zoo.Numbered(pid)
}

func endChild(t *testing.T, pid int32) {
	if err := unix.Kill(int(pid), unix.SIGKILL); err != nil {
		t.Error(err)
	}
	ignoringSignals(func() (int, error) { return unix.Wait4(int(pid), nil, 0, nil) })
}

// A held is what a reader has of a process's directory: itself, and open files.
type held struct {
	path  string
	files []string
	dir   int
	open  []*os.File
}

// heldIn are the files of a process by the tree. In proc/ these may still be what they
// were a moment ago, and all others are links to the real ones, which lead to whoever
// has the number.
var heldIn = map[string][]string{
	"tasks": {"comm", "stat", "status", "io", "limits", "cgroup", "environ"},
	"proc":  {"stat", "status"},
}

func holdProcess(t *testing.T, path string, files []string) held {
	dir, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Error(err)
	}
	h := held{path: path, files: files, dir: dir}
	for _, file := range files {
		f, err := os.Open(path + "/" + file)
		if err != nil {
			t.Error(err)
			continue
		}
		h.open = append(h.open, f)
	}
	return h
}

func (h *held) close() {
	unix.Close(h.dir)
	for _, f := range h.open {
		f.Close()
	}
}

// showsNothing checks that what is held has ended, as in procfs, whatever is there under
// its number. An open environment is that of memory which is gone, and is empty.
func (h *held) showsNothing(t *testing.T) {
	names := h.files
	kept := h.isKept()
	if !kept {
		names = append(slices.Clone(names), "task", "fd", "exe")
	}
	b := make([]byte, 1<<10)
	check := func(what string, n int, err error) {
		text := string(b[:max(n, 0)])
		switch {
		case errors.Is(err, unix.ESRCH), errors.Is(err, unix.ENOENT), kept && strings.Contains(text, "first"):
		default:
			t.Errorf("%s of %s, which has ended: %.40q, %v", what, h.path, text, err)
		}
	}
	for _, name := range names {
		fd, err := ignoringSignals(func() (int, error) { return unix.Openat(h.dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
		n := 0
		if err == nil {
			n, err = ignoringSignals(func() (int, error) { return unix.Read(fd, b) })
			unix.Close(fd)
		}
		check(name, n, err)
	}
	for _, f := range h.open {
		n, err := ignoringSignals(func() (int, error) { return unix.Pread(int(f.Fd()), b, 0) })
		if n != 0 || err != nil || !strings.HasSuffix(f.Name(), "/environ") {
			check("the open "+filepath.Base(f.Name()), n, err)
		}
	}
}

// isKept reports whether the kernel may keep the files for a moment.
func (h *held) isKept() bool { return slices.Equal(h.files, heldIn["proc"]) }

// What was looked up of a process shows nothing of another that has got its number,
// and the number leads to that one. proc/ tells processes of one owner apart by when
// they began, in ticks; so do the real files of tasks/ before 6.10, where programs
// cannot ask for a task.
func TestAttackByNumbersUsedAgain(t *testing.T) {
	const tick = 10 * time.Millisecond
	m := newMount(t)
	cycles, pause := 1000, time.Duration(0)
	if os.Getenv("ITERFS_VM") != "" {
		cycles = 40
	}
	if need.OlderThan(6, 10) {
		pause = tick
	}
	var pid int32
	cycle := func(trees []string, pause time.Duration) (done bool) {
		first, err := numberedChild(pid, "first")
		if err != nil {
			pid = 0 // another has it by now
			if !errors.Is(err, unix.EEXIST) {
				t.Error(err)
			}
			return false
		}
		pid = first
		var all []held
		for _, tree := range trees {
			h := holdProcess(t, m.path(fmt.Sprintf("%s/%d", tree, pid)), heldIn[tree])
			defer h.close()
			all = append(all, h)
			if stat := readFile(t, h.path+"/stat"); !strings.Contains(stat, "(first)") {
				t.Errorf("%s/stat is %q", h.path, stat)
			}
		}
		endChild(t, pid)
		time.Sleep(pause)
		second, err := numberedChild(pid, "second")
		if err != nil {
			return false
		}
		defer endChild(t, second)
		for _, h := range all {
			h.showsNothing(t)
			leads := func() bool {
				stat, err := os.ReadFile(h.path + "/stat")
				return err == nil && strings.Contains(string(stat), "(second)")
			}
			if h.isKept() {
				eventually(t, leads, h.path+" is not the next process") // a look-up of before holds for a moment
			} else if !leads() {
				t.Errorf("%s is not the next process", h.path)
			}
		}
		return true
	}
	thread.Do(func() error {
		for done := 0; done < cycles && !t.Failed(); {
			if cycle([]string{"tasks"}, pause) {
				done++
			}
		}
		for done := 0; done < 10 && !t.Failed(); {
			pid = 0
			if cycle([]string{"tasks", "proc"}, tick) {
				done++
			}
		}
		return nil
	})
}
