// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// initialCgroupNS is the namespace whose paths are from the very root. It never
// ends, so that no other has the number.
const initialCgroupNS = 4026531835 // PROC_CGROUP_INIT_INO

// FindCgroupRoots finds out where the paths of cgroups begin for a reader.
func FindCgroupRoots(ctx context.Context, s bpf.System, r bpf.Reader) (roots bpf.CgroupRoots, err error) {
	reader, err := r.Identify(ctx)
	if err != nil || reader.CgroupNS == initialCgroupNS {
		return nil, err
	}
	params := bpf.Params{TID: r.Shown, Reader: r.Identify}
	whole := true
	err = each(ctx, s, &Target, "cgroup_root_records", params, func(e entry[taskCgroupRecord]) bool {
		if e.rec.Key.NativeTid != r.Shown {
			return true
		}
		roots = bpf.CgroupRoots{}
		for h, names := range eachHierarchy(e.items) {
			path, ok := appendCgroup(nil, names)
			whole = whole && ok && h.Id >= 0
			roots[uint32(h.Id)] = bpf.NewCgroupRoot(h.Cgroup, path)
		}
		return false
	})
	switch {
	case err != nil:
		return nil, err
	case roots == nil:
		return nil, fmt.Errorf("find the cgroup namespace of thread %d: %w", r.Shown, unix.ESRCH)
	case !whole:
		return nil, fmt.Errorf("the roots of the reader's cgroup namespace have too long paths: %w", unix.EOVERFLOW)
	}
	return roots, nil
}
