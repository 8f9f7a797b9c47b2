// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/native"
)

// callerEntries are the entries that depend on who asks and on nothing else.
func (s *system) callerEntries() []fs.Entry {
	return []fs.Entry{
		{Path: "tasks/self", Link: func(_ context.Context, r fs.Request) (string, error) {
			process, _, err := s.numbers(r.TID)
			return process, err
		}},
		{Path: "tasks/thread-self", Link: func(_ context.Context, r fs.Request) (string, error) {
			process, thread, err := s.numbers(r.TID)
			return process + "/task/" + thread, err
		}},
	}
}

// self is this process as a caller, for reads without a mount.
func self() fs.Caller {
	return fs.Caller{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()), TID: uint32(unix.Gettid())}
}

// numbers are those of a caller's process and thread in the pid namespace that tasks/
// shows him.
func (s *system) numbers(tid uint32) (process, thread string, err error) {
	if tid == 0 {
		return "", "", errInvisible
	}
	status, err := native.ReadFile(fmt.Sprintf("%d/status", tid))
	if err != nil {
		return "", "", fmt.Errorf("find the reader's numbers: %w", err)
	}
	number := func(name, ofEach string) string {
		id, _ := native.StatusField(status, name)
		if each, found := native.StatusField(status, ofEach); found && !s.view.OfMount {
			id = each[bytes.LastIndexByte(each, '\t')+1:] // from the daemon's namespace down to his own
		}
		return string(id)
	}
	process, thread = number("Tgid", "NStgid"), number("Pid", "NSpid")
	if process == "" || thread == "" {
		return "", "", fmt.Errorf("find the reader's numbers: there are none in the status of %d", tid)
	}
	return process, thread, nil
}

var errInvisible = fmt.Errorf("the caller is in a pid namespace that the daemon cannot see into: %w", unix.EACCES)

func procFile(tid uint32, name string) (*os.File, error) {
	if tid == 0 {
		return nil, errInvisible
	}
	return native.Open(fmt.Sprintf("%d/%s", tid, name))
}

// netNS opens the network namespace of a caller, as foreign has it.
func netNS(tid uint32) (*os.File, error) {
	ns, err := procFile(tid, "ns/net")
	if err != nil {
		return nil, fmt.Errorf("find the reader's network namespace: %w", err)
	}
	return foreign(ns, ownNetNS)
}

// foreign takes over a namespace and returns it; or nil, which can be closed too, where
// it is the daemon's own: that takes no thread to enter it, and no procfs.
func foreign(ns *os.File, own func() (os.FileInfo, error)) (*os.File, error) {
	is, err := ns.Stat()
	if err == nil {
		var mine os.FileInfo
		if mine, err = own(); err == nil && !os.SameFile(mine, is) {
			return ns, nil
		}
	}
	ns.Close()
	return nil, err
}

// The daemon's own namespaces.
var ownNetNS, ownPIDNS = ownNS("net"), ownNS("pid")

func ownNS(name string) func() (os.FileInfo, error) {
	return sync.OnceValues(func() (os.FileInfo, error) { return native.Stat("self/ns/" + name) })
}

// mayLoad returns nil when a caller may load BPF programs, as bpf(2) has it.
func (s *system) mayLoad(c fs.Caller) error {
	r := s.reader(c)
	switch {
	case r.TID == 0:
		return errInvisible
	case r.Capable(unix.CAP_SYS_ADMIN), r.Capable(unix.CAP_BPF) && r.Capable(unix.CAP_PERFMON):
		return nil
	}
	return fmt.Errorf("to load programs takes CAP_BPF and CAP_PERFMON: %w", unix.EPERM)
}
