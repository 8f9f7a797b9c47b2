// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/task"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/fs/rights"
	"github.com/iterfs/iterfs/native"
)

// processDirs are the directories of processes and threads, each of which is laid
// over the real one.
var processDirs = map[string]func(bpf.System, bpf.Key) (*os.File, error){
	"tasks/<pid>":            task.OpenProcess,
	"tasks/<pid>/task/<tid>": task.OpenThread,
}

// fromIterators are the names of procfs in these directories that iterators make.
// All others that the kernel lists there, today or in future, are the real files,
// directories and links; what the tree has beyond procfs stands behind them.
var fromIterators = []string{
	"stat", "statm", "status", "comm", "cmdline", "io", "limits", "cgroup", "maps",
	"net/tcp", "net/tcp6", "net/udp", "net/udp6", "net/unix", "net/netlink", "net/ipv6_route",
}

// isReal reports whether a path is that of a name of procfs.
func isReal(path string) bool {
	for dir := range processDirs {
		if name, below := strings.CutPrefix(path, dir+"/"); below && slices.Contains(fromIterators, name) {
			return true
		}
	}
	return false
}

// processEntries are the directories in that of a process or thread that the tree has
// entries in, and the files of net: of the network namespace of the process.
func (s *system) processEntries(dir string) []fs.Entry {
	if processDirs[dir] == nil {
		return nil
	}
	entries := []fs.Entry{{Path: dir + "/net", Dir: true, Real: true}}
	if dir == "tasks/<pid>" {
		entries = append(entries, fs.Entry{Path: dir + "/task", Dir: true, Real: true})
	}
	for _, t := range s.present {
		for _, f := range t.Files {
			if path := dir + "/" + f.Path; f.PerNetNS && isReal(path) {
				entries = append(entries, fs.Entry{Path: path, Real: true, Open: s.openOfNetwork(t, &f, processDirs[dir])})
			}
		}
	}
	return entries
}

// openOfNetwork makes the Open of a file that tells of a process's network namespace.
func (s *system) openOfNetwork(t *bpf.Target, f *bpf.File, open func(bpf.System, bpf.Key) (*os.File, error)) func(context.Context, fs.Request) (fs.Stream, error) {
	return func(_ context.Context, r fs.Request) (fs.Stream, error) {
		dir, err := open(s, *key(r))
		if err != nil {
			return nil, err
		}
		defer dir.Close()
		fd, err := unix.Openat(int(dir.Fd()), "ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		ns, err := foreign(os.NewFile(uintptr(fd), "net"), ownNetNS)
		if err != nil {
			return nil, err
		}
		defer ns.Close()
		request := bpf.Request{System: s, Target: t, File: f, Reader: s.reader(r.Caller)}
		request.Params = bpf.Params{NetNS: ns, Reader: request.Reader.Identify}
		return request.Start(bpf.Text)
	}
}

// nativeOf is the fs.Entry.Native of a directory of objects; nil of others.
func (s *system) nativeOf(dir string) func(context.Context, fs.Request) (*fs.Native, error) {
	open := processDirs[dir]
	if open == nil {
		return nil
	}
	return func(ctx context.Context, r fs.Request) (*fs.Native, error) {
		key := *key(r)
		if err := s.mayEnter(s.reader(r.Caller), key); err != nil {
			return nil, err
		}
		dir, err := open(s, key)
		if err == nil {
			dir, err = s.asNumbered(r, key, dir)
		}
		if err != nil {
			return nil, err
		}
		return &fs.Native{Dir: dir, As: func(c fs.Caller, write bool, f func() error) error { return s.as(c, key, write, f) }}, nil
	}
}

// as calls f, which acts on a real file of a task, with the rights of a caller, and
// where paths show as they do to the caller.
func (s *system) as(c fs.Caller, o bpf.Key, write bool, f func() error) error {
	all, err := rights.All(rights.Task(c))
	foreign := err == rights.ErrForeign
	switch {
	case c.TID == 0:
		return errInvisible
	case err != nil && !foreign:
		return err
	}
	root, err := s.root(c)
	if err != nil {
		return err
	}
	defer root.Close()
	if all {
		return root.During(f)
	}
	// The kernel cannot be asked of one who has rights in another user namespace
	// alone, or about the daemon, to whom its own threads may do everything.
	self, daemon := !write && isThread(c.TID, o.ID), isThread(uint32(os.Getpid()), o.ID)
	mayNot := error(nil)
	if !self && !write && foreign || daemon {
		mayNot = s.mayTrace(context.Background(), c, o)
	}
	switch {
	case daemon && mayNot != nil:
		return mayNot
	case daemon && write:
		return rights.Bare(c.UID, c.GID, root, f)
	// About modes it has asked the foreign one before it came here. His user may own
	// the namespace, and have more rights in it from here than he has there.
	case foreign && write:
		return rights.Bare(nobody, nobody, root, f, unix.CAP_DAC_OVERRIDE)
	case foreign && mayNot != nil:
		return rights.Bare(nobody, nobody, root, f, unix.CAP_DAC_READ_SEARCH)
	case foreign && self:
		return rights.Bare(nobody, nobody, root, f, unix.CAP_DAC_READ_SEARCH, unix.CAP_SYS_PTRACE, unix.CAP_SYS_NICE)
	case foreign:
		return rights.Bare(nobody, nobody, root, f, unix.CAP_DAC_READ_SEARCH, unix.CAP_SYS_PTRACE)
	case self: // whom it would not ask whether he may trace himself
		return rights.As(rights.Task(c), root, f, unix.CAP_SYS_PTRACE, unix.CAP_SYS_NICE)
	}
	return rights.As(rights.Task(c), root, f)
}

// nobody is a user whom nothing belongs to.
const nobody = 1<<32 - 2

// isThread reports whether a thread is one of the process of another.
func isThread(tid, other uint32) bool {
	_, err := native.Stat(fmt.Sprintf("%d/task/%d", other, tid))
	return err == nil
}
