// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The other user of the zoo, and one whom nothing belongs to.
const (
	userID, userGroup = 1000, 1001
	strangerID        = 4321
)

// A readerKind becomes one: attr at its start, then be.
type readerKind struct {
	attr    syscall.SysProcAttr
	depth   int // of pid namespaces, each with the attributes
	be      func()
	prepare func(t testing.TB, tree string)
	tree    string // where the tree is; "" where it is for the test
}

var readerKinds = map[string]readerKind{
	"root":                        {},
	"root without SYS_PTRACE":     {be: func() { keepOnly(^uint64(1 << unix.CAP_SYS_PTRACE)) }},
	"root without capabilities":   {be: func() { keepOnly(0) }},
	"user":                        {be: func() { become(userID, userGroup) }},
	"user with SYS_PTRACE":        {be: func() { become(userID, userGroup, unix.CAP_SYS_PTRACE) }},
	"user with DAC_READ_SEARCH":   {be: func() { become(userID, userGroup, unix.CAP_DAC_READ_SEARCH) }},
	"user with DAC_OVERRIDE":      {be: func() { become(userID, userGroup, unix.CAP_DAC_OVERRIDE) }},
	"user with PERFMON":           {be: func() { become(userID, userGroup, unix.CAP_PERFMON, unix.CAP_BPF) }},
	"user with SYSLOG":            {be: func() { become(userID, userGroup, unix.CAP_SYSLOG) }},
	"user with SYS_ADMIN":         {be: func() { become(userID, userGroup, unix.CAP_SYS_ADMIN) }},
	"stranger":                    {be: func() { become(strangerID, strangerID) }},
	"root of a user namespace":    {attr: inUserNS(0, 0)},
	"user as root of a namespace": {attr: inUserNS(userID, userGroup)},
	"user in his own namespace":   {attr: inUserNS(userID, userGroup), be: func() { keepOnly(0) }},
	"pid namespace":               {depth: 1, attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}, be: mountProc},
	"pid namespace in another":    {depth: 2, attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}, be: mountProc},
	"user in a pid namespace": {depth: 1, attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}, be: func() {
		mountProc()
		become(userID, userGroup)
	}},
	"net namespace":                        {attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}},
	"cgroup namespace":                     {attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWCGROUP}},
	"mount namespace":                      {attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}},
	"time namespace":                       {be: enterTimeNS},
	"chrooted":                             {attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}, be: chroot, tree: "/tree"},
	"contained":                            {attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}, be: contain, tree: "/tree"},
	"in a folder":                          {be: enterFolder, prepare: furnishFolder, tree: "/tree"},
	"root of a user namespace in a folder": {attr: inUserNS(0, 0), be: enterFolder, prepare: furnishFolder, tree: "/tree"},
	"user in a folder": {prepare: furnishFolder, tree: "/tree", be: func() {
		enterFolder()
		become(userID, userGroup)
	}},
}

// ReaderKinds are all that NewReader makes.
func ReaderKinds() []string { return slices.Sorted(maps.Keys(readerKinds)) }

func inUserNS(uid, gid int) syscall.SysProcAttr {
	return syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: gid, Size: 1}},
		Credential:  &syscall.Credential{NoSetGroups: true},
	}
}

// A reader that cannot become what it is to be says so in place of an answer.
func mustBe(err error) {
	if err != nil {
		fmt.Println(strconv.Quote(err.Error()))
		os.Exit(1)
	}
}

// keepOnly gives up all effective capabilities but those in a set.
func keepOnly(set uint64) {
	setCapabilities(func(d *[2]unix.CapUserData) { d[0].Effective &= uint32(set); d[1].Effective &= uint32(set >> 32) })
}

func setCapabilities(change func(*[2]unix.CapUserData)) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	mustBe(unix.Capget(&header, &data[0]))
	change(&data)
	mustBe(unix.Capset(&header, &data[0]))
}

// become is another user without groups, that has of the capabilities these alone.
func become(uid, gid int, capabilities ...int) {
	mustBe(unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0))
	for _, call := range [][4]uintptr{
		{unix.SYS_SETGROUPS, 0, 0, 0},
		{unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)},
		{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
	} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			mustBe(errno)
		}
	}
	var set uint64
	for _, c := range capabilities {
		set |= 1 << c
	}
	setCapabilities(func(d *[2]unix.CapUserData) {
		d[0] = unix.CapUserData{Effective: uint32(set), Permitted: uint32(set)}
		d[1] = unix.CapUserData{Effective: uint32(set >> 32), Permitted: uint32(set >> 32)}
	})
}

// mountProc mounts a procfs of the reader's pid namespace, in a mount namespace of
// its own.
func mountProc() {
	mustBe(unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""))
	mustBe(unix.Mount("proc", "/proc", "proc", 0, ""))
}
