// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// silent is a file that answers neither reads nor writes before it is released.
type silent struct {
	fs.Inode
	asked    sync.Once
	wasAsked chan struct{}
	answer   context.Context
	release  context.CancelFunc
}

func (s *silent) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o600, 1<<20
	return 0
}

func (s *silent) Setattr(ctx context.Context, f fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return s.Getattr(ctx, f, out)
}

func (s *silent) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, 0
}

func (s *silent) Read(_ context.Context, _ fs.FileHandle, dest []byte, _ int64) (fuse.ReadResult, syscall.Errno) {
	s.wait()
	clear(dest)
	return fuse.ReadResultData(dest), 0
}

func (s *silent) Write(context.Context, fs.FileHandle, []byte, int64) (uint32, syscall.Errno) {
	s.wait()
	return 0, syscall.ENOSPC
}

func (s *silent) wait() {
	s.asked.Do(func() { close(s.wasAsked) })
	<-s.answer.Done()
}

// silentDir is a directory in which every file is the one silent file.
type silentDir struct {
	fs.Inode
	file *silent
}

func (d *silentDir) Create(_ context.Context, _ string, _, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	out.Mode = 0o600
	return &d.file.Inode, nil, 0, 0
}

// newSilent mounts a directory with a silent file.
func newSilent(t *testing.T) (file *silent, dir string) {
	t.Helper()
	need.Root(t)
	file = &silent{wasAsked: make(chan struct{})}
	file.answer, file.release = context.WithCancel(context.Background())
	root, dir := &silentDir{file: file}, t.TempDir()
	server, err := fs.Mount(dir, root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "silent"},
		OnAdd: func(ctx context.Context) {
			root.AddChild("file", root.NewPersistentInode(ctx, file, fs.StableAttr{Mode: syscall.S_IFREG}), false)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		file.release()
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return file, dir
}

// Arguments that only somebody else can fill in are not waited for: the sweep goes
// on, and their process's row says so.
func TestArgumentsThatNobodyAnswersFor(t *testing.T) {
	m := newMount(t)
	file, dir := newSilent(t)
	blocked := map[string]int{"on a file": zoo.ArgvOnFile(t, filepath.Join(dir, "file")), "in a userfaultfd": zoo.FaultingArgv(t)}

	rows := numbered(t, inTime(t, m.path("tasks/cmdline")))
	for where, pid := range blocked {
		p := fmt.Sprint(pid)
		if rows[p] != "-\n" {
			t.Errorf("the row of a process whose arguments are %s is %q", where, rows[p])
		}
		// procfs does not wait either.
		want := inTime(t, "/proc/"+p+"/cmdline")
		if got := inTime(t, m.path("tasks/"+p+"/cmdline")); got != want || got != "" {
			t.Errorf("cmdline is %q, in /proc %q", got, want)
		}
	}
	if self := rows[fmt.Sprint(os.Getpid())]; self == "-\n" || self == "" {
		t.Errorf("this process's row is %q", self)
	}
	select {
	case <-file.wasAsked:
		t.Error("the file was read")
	default:
	}
}

// A process that is dumping core, on a file system that never takes it, has files
// that tell so.
func TestDumpingCore(t *testing.T) {
	if pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern"); err != nil || strings.ContainsAny(string(pattern), "/|") {
		t.Skipf("cores are not written where the process is: %s, %v", pattern, err)
	}
	m := newMount(t)
	file, dir := newSilent(t)
	// Not by cmd.Dir: before the child's exec this process, which serves the
	// directory, can stand still.
	cmd := exec.Command("/bin/sh", "-c", `cd "$0" && ulimit -c unlimited && kill -ABRT $$`, dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		file.release()
		cmd.Wait()
	})
	select {
	case <-file.wasAsked:
	case <-time.After(30 * time.Second):
		t.Fatal("no core is written")
	}
	pid := cmd.Process.Pid
	if text := m.read(t, fmt.Sprintf("tasks/%d/status", pid)); !strings.Contains(text, "\nCoreDumping:\t1\n") {
		t.Errorf("status is\n%s", text)
	}
	for _, name := range []string{"status", "stat", "statm", "cmdline"} {
		compare(t, "tasks/<pid>/"+name, func() map[string]string { return m.single(t, name) }, name, []int{pid})
	}
}

// inTime reads a file, and fails if that takes long.
func inTime(t *testing.T, path string) string {
	t.Helper()
	var text []byte
	done := make(chan error, 1)
	go func() {
		var err error
		text, err = os.ReadFile(path)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	case <-time.After(time.Minute):
		t.Fatalf("%s waits", path)
		return ""
	}
}
