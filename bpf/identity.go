// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"context"
	"unsafe"
)

// An Identity is what programs are told of a reader: struct reader of reader.h. It
// says whose tasks there are, with which numbers, and what of them may be seen.
type Identity struct {
	// PIDNS is the pid namespace whose numbers are shown, NativeNS the daemon's
	// own, UserNS that of the reader's credentials: addresses in the kernel. Whoever
	// keeps them beyond the answer to the reader keeps the namespaces too.
	PIDNS, NativeNS, UserNS uint64
	// Capabilities are the effective ones, in UserNS.
	Capabilities uint64
	// BootOffset is what the reader's time namespace adds to times since boot, in ns.
	BootOffset int64
	// The levels of the namespaces; 0 is the initial one.
	PIDLevel, NativeLevel, UserLevel uint32
	// TGID is the reader's process, as the kernel itself numbers it.
	TGID uint32
	// FSUID and FSGID act on files, EUID owns user namespaces.
	FSUID, FSGID, EUID uint32
	// Hide is what the mount hides of the processes that the reader may not trace; of
	// members of the View's group, nothing.
	Hide uint32
	// CgroupNS is the inode number of the namespace that cgroups' paths begin in.
	CgroupNS uint32
	_        uint32
	// What programs note of the task that they look at.
	_ [4]uint32
}

// Identify returns who reads. It is asked when a run starts, so that what a program
// shows is decided by who opens the file; and with the context of a read, where
// Params say so.
type Identify func(ctx context.Context) (*Identity, error)

// Unrestricted reports whether the reader sees every task, by the kernel's own
// numbers, and all of it.
func (i *Identity) Unrestricted() bool {
	const sysPtrace, dacOverride = 19, 1
	return i.PIDLevel == 0 && i.NativeLevel == 0 && i.Hide == 0 && i.Capable(sysPtrace) && i.Capable(dacOverride)
}

// IsNative reports whether the reader has the daemon's own numbers of tasks.
func (i *Identity) IsNative() bool { return i.PIDNS == i.NativeNS }

// Capable reports whether the reader has a capability over the whole machine:
// capable() of the kernel.
func (i *Identity) Capable(capability int) bool {
	return i.UserLevel == 0 && i.Capabilities>>capability&1 != 0
}

// Bytes are the identity as a program has it.
func (i *Identity) Bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(i)), unsafe.Sizeof(*i))
}
