// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// silent is a file that does not answer reads before it is released.
type silent struct {
	fs.Inode
	asked    sync.Once
	wasAsked chan struct{}
	release  chan struct{}
}

func (s *silent) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o644, 1<<20
	return 0
}

func (s *silent) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, 0
}

func (s *silent) Read(_ context.Context, _ fs.FileHandle, dest []byte, _ int64) (fuse.ReadResult, syscall.Errno) {
	s.asked.Do(func() { close(s.wasAsked) })
	<-s.release
	clear(dest)
	return fuse.ReadResultData(dest), 0
}

// newSilent mounts a silent file, and returns its path too.
func newSilent(t *testing.T) (*silent, string) {
	t.Helper()
	need.Root(t)
	file := &silent{wasAsked: make(chan struct{}), release: make(chan struct{})}
	root, dir := &fs.Inode{}, t.TempDir()
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
		close(file.release)
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return file, filepath.Join(dir, "file")
}

// Arguments that only somebody else can fill in are not waited for: the sweep goes
// on, and their process's row says so.
func TestArgumentsThatNobodyAnswersFor(t *testing.T) {
	m := newMount(t)
	file, path := newSilent(t)
	blocked := map[string]int{"on a file": zoo.ArgvOnFile(t, path), "in a userfaultfd": zoo.FaultingArgv(t)}

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
