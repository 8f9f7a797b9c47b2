// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf/task"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/fs/rights"
	"github.com/iterfs/iterfs/native"
)

// processDir is the directory of a process.
const processDir = "tasks/<pid>"

// nativeDirs are the directories that are laid over one of procfs.
var nativeDirs = []string{processDir}

// fromIterators are the names of procfs in these directories that iterators make.
// All others that the kernel lists there, today or in future, are the real files,
// directories and links; names that it does not list stand behind them.
var fromIterators = []string{
	"stat", "statm", "status", "comm", "cmdline", "io", "limits", "cgroup", "maps",
}

// isReal reports whether a path is that of a name of procfs.
func isReal(name string) bool {
	for _, dir := range nativeDirs {
		if path.Dir(name) == dir {
			return slices.Contains(fromIterators, path.Base(name))
		}
	}
	return false
}

// nativeOf is the fs.Entry.Native of a directory of objects; nil of others.
func nativeOf(dir string) func(context.Context, fs.Request) (*fs.Native, error) {
	if !slices.Contains(nativeDirs, dir) {
		return nil
	}
	return func(_ context.Context, r fs.Request) (*fs.Native, error) {
		key := key(r)
		dir, err := task.OpenDir(*key)
		if err != nil {
			return nil, err
		}
		return &fs.Native{Dir: dir, As: func(c fs.Caller, write bool, f func() error) error { return as(c, key.ID, write, f) }}, nil
	}
}

// as calls f, which acts on a real file of a process, with the rights of a caller.
func as(c fs.Caller, pid uint32, write bool, f func() error) error {
	switch {
	case c.TID == 0:
		return errInvisible
	case !write && isThread(c.TID, pid):
		return f() // whoever reads of himself is not asked
	case int(pid) == os.Getpid():
		// The kernel does not ask the daemon's own threads, whatever their rights.
		if all, err := rights.All(rights.Task(c)); err != nil || !all {
			return cmp.Or(err, error(unix.EACCES))
		}
	}
	return rights.As(rights.Task(c), f)
}

// isThread reports whether a thread is one of a process.
func isThread(tid, pid uint32) bool {
	_, err := native.Stat(fmt.Sprintf("%d/task/%d", pid, tid))
	return err == nil
}
