// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// cloneArgs is struct clone_args of linux/sched.h.
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls, setTID, setTIDSize uint64
}

// Numbered makes a child of this thread, with its name, that sleeps until it is
// killed, as does the end of this thread. It has the number pid, or any if that is 0;
// EEXIST says that another has it.
//
//go:noinline
func Numbered(pid int32) (int32, error) {
	args := cloneArgs{flags: unix.CLONE_FILES, exitSignal: uint64(unix.SIGCHLD)}
	if pid != 0 {
		args.setTID, args.setTIDSize = uint64(uintptr(unsafe.Pointer(&pid))), 1
	}
	child, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	if errno == 0 && child == 0 {
		// There is no runtime here: it has none of its threads.
		unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0)
		for {
			unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
	}
	if errno != 0 {
		return 0, errno
	}
	return int32(child), nil
}
