// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Call is bpf(2), for what the library does not offer. It calls again when the
// kernel asks for that.
func Call(cmd int, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		n, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(cmd), uintptr(attr), size)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR, unix.EAGAIN:
		default:
			return -1, errno
		}
	}
}

// Info fills info, the kernel's struct bpf_map_info or the like, of an open
// object. A kernel that knows less fills less.
func Info[T any](fd int, info *T) error {
	// A pointer that the runtime knows as one: the stack may move below.
	attr := struct {
		fd, size uint32
		info     unsafe.Pointer
	}{uint32(fd), uint32(unsafe.Sizeof(*info)), unsafe.Pointer(info)}
	_, err := Call(unix.BPF_OBJ_GET_INFO_BY_FD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return err
}

// InfoByID is Info of the object with a number; open is the command that opens
// such objects by their number. It is ENOENT for one that has gone.
func InfoByID[T any](open int, id uint32, info *T) error {
	attr := struct{ id, next, flags uint32 }{id: id}
	fd, err := Call(open, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return Info(fd, info)
}
