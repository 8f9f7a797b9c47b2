// SPDX-License-Identifier: Apache-2.0

// Package rights does things with the rights of another task, so that the kernel
// itself decides what that task may do.
package rights

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
	"github.com/iterfs/iterfs/native"
)

// A Task is whose rights are taken on: a thread, as this process's pid namespace
// numbers it, and the ids that it acts with on files.
type Task struct{ UID, GID, TID uint32 }

// ErrForeign says that a task is in another user namespace, where no thread of
// this process can follow it. It is EACCES.
var ErrForeign = fmt.Errorf("the caller is in a user namespace of its own: %w", unix.EACCES)

// capabilities are sets as capget(2) has them.
type capabilities [2]unix.CapUserData

// own is what this process can do, all of its threads alike.
type own struct {
	uid, gid int
	caps     capabilities
	userNS   string
}

var self = sync.OnceValues(func() (o own, err error) {
	o.uid, o.gid = os.Geteuid(), os.Getegid()
	if o.caps, err = capabilitiesOf(0); err == nil {
		o.userNS, err = native.Readlink("thread-self/ns/user")
	}
	return o, err
})

// As calls f with the rights of a task: its user and groups and, as far as this
// process has them, its capabilities; and where its root directory is, which may be
// nil. A task that has all of ours costs no more than a look. For any other f runs on a thread of its own, which ends with it: no other
// goroutine can ever have those rights, or lack ours. The further capabilities
// are those that the kernel asks this process for, and would not ask the task.
func As(t Task, root *native.RootDir, f func() error, further ...uint) error {
	caps, all, err := look(t)
	if err != nil {
		return err
	}
	if all {
		return root.During(f)
	}
	groups, err := Groups(t.TID)
	if err != nil {
		return err
	}
	return onThread(t, groups, caps.and(further), root, f)
}

// Bare calls f as a user without further groups, and with no capabilities but these.
func Bare(uid, gid uint32, root *native.RootDir, f func() error, these ...uint) error {
	return onThread(Task{UID: uid, GID: gid}, nil, capabilities{}.and(these), root, f)
}

func onThread(t Task, groups []uint32, caps capabilities, root *native.RootDir, f func() error) error {
	return thread.Do(func() error {
		if err := root.Enter(); err != nil {
			return err // before that is not allowed any more
		}
		if err := become(t, groups, caps); err != nil {
			return fmt.Errorf("take on the caller's rights: %w", err)
		}
		return f()
	})
}

// All reports whether a task can do all that this process can.
func All(t Task) (bool, error) {
	_, all, err := look(t)
	return all, err
}

// look returns what a task can do, and whether that is all that this process can.
func look(t Task) (caps capabilities, all bool, err error) {
	o, err := self()
	if err != nil {
		return caps, false, fmt.Errorf("find out what rights there are: %w", err)
	}
	if caps, err = capabilitiesOf(t.TID); err != nil {
		return caps, false, err
	}
	switch ns, err := native.Readlink(fmt.Sprintf("%d/ns/user", t.TID)); {
	case err != nil:
		return caps, false, err
	case ns != o.userNS:
		return caps, false, ErrForeign
	}
	return caps, int(t.UID) == o.uid && int(t.GID) == o.gid && caps.include(&o.caps), nil
}

func capabilitiesOf(tid uint32) (c capabilities, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3, Pid: int32(tid)}
	if err := unix.Capget(&header, &c[0]); err != nil {
		return c, fmt.Errorf("read the capabilities of %d: %w", tid, err)
	}
	return c, nil
}

// and has further effective capabilities.
func (c capabilities) and(further []uint) capabilities {
	for _, n := range further {
		c[n/32].Effective |= 1 << (n % 32)
	}
	return c
}

// include reports whether the effective capabilities are those of o or more.
func (c *capabilities) include(o *capabilities) bool {
	return o[0].Effective&^c[0].Effective == 0 && o[1].Effective&^c[1].Effective == 0
}

// Groups returns the supplementary groups of a task.
func Groups(tid uint32) (groups []uint32, err error) {
	status, err := native.ReadFile(fmt.Sprintf("%d/status", tid))
	if err != nil {
		return nil, err
	}
	list, found := native.StatusField(status, "Groups")
	if !found {
		return nil, fmt.Errorf("find the groups of %d: there are none in its status", tid)
	}
	for word := range strings.FieldsSeq(string(list)) {
		gid, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return nil, err
		}
		groups = append(groups, uint32(gid))
	}
	return groups, nil
}

// become changes this thread alone, which what the libraries offer does not. The
// real and saved user stay: they are what lets nobody else at the thread.
func become(t Task, groups []uint32, caps capabilities) error {
	const keep = ^uintptr(0)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups))), 0); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, keep, uintptr(t.GID), keep); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(t.UID), keep); errno != 0 {
		return errno
	}
	now, err := capabilitiesOf(0)
	if err != nil {
		return err
	}
	for i := range now {
		now[i].Effective = caps[i].Effective & now[i].Permitted
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	return unix.Capset(&header, &now[0])
}
