// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// linkInfo encodes the kernel's union bpf_iter_link_info, and is empty where the
// iterator takes no parameters.
func linkInfo(p *bpf.Params) ([]uint32, error) {
	switch {
	case p.Map != nil:
		return []uint32{uint32(p.Map.FD())}, nil
	case p.Order != 0:
		var fd uint32
		if p.Cgroup != nil {
			fd = uint32(p.Cgroup.Fd())
		}
		return []uint32{uint32(p.Order), fd, uint32(p.CgroupID), uint32(p.CgroupID >> 32)}, nil
	case p.TID != 0 || p.PID != 0 || p.PIDFD != nil:
		info := []uint32{p.TID, p.PID, 0, 0}
		if p.PIDFD != nil {
			info[2] = uint32(p.PIDFD.Fd())
		}
		return info, nil
	case p.Cgroup != nil || p.CgroupID != 0:
		return nil, fmt.Errorf("a cgroup iterator needs an order: %w", unix.EINVAL)
	}
	return nil, nil
}

// attach makes a link of the program with its parameters and an iterator of the
// link.
func attach(prog int, p *bpf.Params) (link, iter int, err error) {
	link, err = createLink(prog, p)
	if err != nil {
		return -1, -1, err
	}
	create := struct{ linkFD, flags uint32 }{linkFD: uint32(link)}
	iter, err = bpf.Call(unix.BPF_ITER_CREATE, unsafe.Pointer(&create), unsafe.Sizeof(create))
	if err != nil {
		unix.Close(link)
		return -1, -1, fmt.Errorf("create the iterator: %w", err)
	}
	return link, iter, nil
}

// createLink attaches by bpf(2) itself: the library passes no parameter but a map.
func createLink(prog int, p *bpf.Params) (int, error) {
	info, err := linkInfo(p)
	if err != nil {
		return -1, err
	}
	create := struct {
		progFD, targetFD, attachType, flags uint32
		info                                uint64
		infoLen                             uint32
		_                                   uint32
	}{progFD: uint32(prog), attachType: unix.BPF_TRACE_ITER}
	if len(info) > 0 {
		create.info = uint64(uintptr(unsafe.Pointer(&info[0])))
		create.infoLen = uint32(len(info)) * 4
	}
	link, err := bpf.Call(unix.BPF_LINK_CREATE, unsafe.Pointer(&create), unsafe.Sizeof(create))
	runtime.KeepAlive(info)
	runtime.KeepAlive(p)
	if err != nil {
		return -1, fmt.Errorf("attach the iterator: %w", err)
	}
	return link, nil
}
