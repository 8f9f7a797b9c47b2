// SPDX-License-Identifier: Apache-2.0

package task

import (
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// InCgroup is a file like tasks/table of the processes whose first thread is in a
// cgroup or below it. It is for a target that knows cgroups: run with CgroupArgs.
func InCgroup(path, doc string) bpf.File {
	return rowFile(processes, path, "cgroup_process_rows", doc)
}

// CgroupArgs are the bpf.Params.Args that name the cgroup: the number of its
// hierarchy, 0 for v2, its level below the root, and its id.
func CgroupArgs(hierarchy, level uint32, id uint64) []byte {
	return asArgs(&taskTaskArgs{Cgroup: id, Hierarchy: hierarchy, Level: level})
}

func asArgs(args *taskTaskArgs) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(args)), unsafe.Sizeof(*args))
}
