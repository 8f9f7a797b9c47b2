// SPDX-License-Identifier: Apache-2.0

package task

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/iterfs/iterfs/bpf"
)

const (
	// maxName is what proc_task_name() of fs/proc/array.c has room for.
	maxName = 63
	// maxComm is TASK_COMM_LEN without its NUL.
	maxComm = 15
)

// appendName appends the name of a task as comm and stat of procfs show it:
// that of a kernel thread may be longer than its comm.
func appendName(dst []byte, comm *[16]int8, k *taskKthreadItem) []byte {
	name := bpf.Chars(comm[:])
	switch {
	case k == nil:
		return append(dst, name...)
	case k.Worker != 0:
		return appendWorker(dst, name, k)
	case k.Name[0] != 0:
		return append(dst, bpf.Chars(k.Name[:])...)
	}
	return append(dst, name...)
}

// appendWorker follows wq_worker_comm() of kernel/workqueue.c.
func appendWorker(dst, comm []byte, k *taskKthreadItem) []byte {
	start := len(dst)
	dst = appendWorkerID(dst, k)
	// Kernels before 6.11 begin with comm, which the worker's ID only differs from
	// where comm had no room for it; rescuers were named otherwise altogether.
	if id := dst[start:]; len(comm) < maxComm && !bytes.Equal(id, comm) || !bytes.HasPrefix(id, comm) {
		dst = append(dst[:start], comm...)
	}
	if desc := bpf.Chars(k.Desc[:]); k.HasPool != 0 && len(desc) > 0 {
		sign := byte('-')
		if k.Current != 0 {
			sign = '+'
		}
		dst = append(append(dst, sign), desc...)
	}
	return dst[:min(len(dst), start+maxName)]
}

// appendWorkerID follows format_worker_id().
func appendWorkerID(dst []byte, k *taskKthreadItem) []byte {
	dst = append(dst, "kworker/"...)
	switch {
	case k.Rescuer != 0:
		return append(append(dst, "R-"...), bpf.Chars(k.Name[:])...)
	case k.HasPool == 0:
		return append(dst, "dying"...)
	case k.PoolCpu < 0:
		dst = append(dst, 'u')
		dst = strconv.AppendInt(dst, int64(k.PoolId), 10)
	default:
		dst = strconv.AppendInt(dst, int64(k.PoolCpu), 10)
	}
	dst = append(dst, ':')
	dst = strconv.AppendInt(dst, int64(k.Id), 10)
	if k.PoolCpu >= 0 && k.Nice < 0 {
		dst = append(dst, 'H')
	}
	return dst
}

// appendCgroup appends the path that cgroup items hold from the leaf up. It
// reports false for a path deeper than the program follows.
func appendCgroup(dst, items []byte) ([]byte, bool) {
	start := len(dst)
	for len(items) > 0 {
		it, err := nextItem(items)
		if err != nil || it.Size == 8 {
			return dst[:start], false
		}
		// Reversed twice, the components end up in order and their letters too.
		name := items[8:it.Size]
		if end := bytes.IndexByte(name, 0); end >= 0 {
			name = name[:end]
		}
		at := len(dst)
		dst = append(dst, name...)
		slices.Reverse(dst[at:])
		dst = append(dst, '/')
		items = items[it.Size:]
	}
	slices.Reverse(dst[start:])
	if len(dst) == start {
		dst = append(dst, '/')
	}
	return dst, true
}
