// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
)

// callerEntries are the entries that depend on who asks and on nothing else.
func callerEntries() []fs.Entry {
	return []fs.Entry{{Path: "tasks/self", Link: func(_ context.Context, r fs.Request) (string, error) { return tgid(r.TID) }}}
}

// self is this process as a caller, for reads without a mount.
func self() fs.Caller {
	return fs.Caller{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()), TID: uint32(unix.Gettid())}
}

// tgid returns the process id of a caller, whom requests name by thread.
func tgid(tid uint32) (string, error) { return statusField(tid, "Tgid") }

// statusField returns a field of a caller's /proc/<tid>/status.
func statusField(tid uint32, name string) (string, error) {
	status, err := procFile(tid, "status")
	if err != nil {
		return "", err
	}
	defer status.Close()
	var text [4096]byte
	n, err := status.Read(text[:])
	if err != nil {
		return "", fmt.Errorf("find the caller's %s: %w", name, err)
	}
	_, rest, found := bytes.Cut(text[:n], []byte("\n"+name+":\t"))
	value, _, ended := bytes.Cut(rest, []byte("\n"))
	if !found || !ended {
		return "", fmt.Errorf("no %s in the status of %d", name, tid)
	}
	return string(value), nil
}

// netNS opens the network namespace of a caller.
func netNS(tid uint32) (*os.File, error) { return procFile(tid, "ns/net") }

var errInvisible = fmt.Errorf("the caller is in a pid namespace that the daemon cannot see into: %w", unix.EACCES)

func procFile(tid uint32, name string) (*os.File, error) {
	if tid == 0 {
		return nil, errInvisible
	}
	return os.Open(fmt.Sprintf("/proc/%d/%s", tid, name))
}

// foreignNetNS opens the network namespace of a caller; nil where it is the
// daemon's own.
func foreignNetNS(tid uint32) (*os.File, error) {
	if same, err := sameNS(tid, "net"); err != nil || same {
		return nil, err
	}
	return netNS(tid)
}

// sameNS reports whether a caller and the daemon are in one namespace of a kind.
func sameNS(tid uint32, kind string) (bool, error) {
	if tid == 0 {
		return false, errInvisible
	}
	theirs, err := os.Stat(fmt.Sprintf("/proc/%d/ns/%s", tid, kind))
	if err != nil {
		return false, err
	}
	// Not that of /proc/self: the first thread may be left in another (inNetNS).
	own, err := os.Stat("/proc/thread-self/ns/" + kind)
	return err == nil && os.SameFile(own, theirs), err
}

// mayLoad returns nil when a caller may load BPF programs: as bpf(2) has it, with
// CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN, in the daemon's user namespace.
func mayLoad(c fs.Caller) error {
	same, err := sameNS(c.TID, "user")
	if err != nil {
		return err
	}
	text, err := statusField(c.TID, "CapEff")
	if err != nil {
		return err
	}
	set, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return err
	}
	has := func(capability int) bool { return set&(1<<capability) != 0 }
	if same && (has(unix.CAP_SYS_ADMIN) || has(unix.CAP_BPF) && has(unix.CAP_PERFMON)) {
		return nil
	}
	return fmt.Errorf("to load programs takes CAP_BPF and CAP_PERFMON: %w", unix.EPERM)
}
