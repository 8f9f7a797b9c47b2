// SPDX-License-Identifier: Apache-2.0

package task

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// initialCgroupNS is the namespace whose paths are from the very root. It never
// ends, so that no other has the number.
const initialCgroupNS = 4026531835 // PROC_CGROUP_INIT_INO

// A CgroupRoot is where the paths in a hierarchy begin for a reader: the cgroup that
// is the root of his cgroup namespace. Nil is the very root.
type CgroupRoot struct {
	ID   uint64 // of the cgroup
	path []byte // from the very root; nothing for that itself
	up   []byte // "/.." for each name of the path
}

// CgroupRoots are those of a reader by the numbers of the hierarchies, 0 for v2; nil
// where all are the very roots.
type CgroupRoots map[uint32]*CgroupRoot

// Of is the root in a hierarchy.
func (c CgroupRoots) Of(hierarchy uint32) (*CgroupRoot, error) {
	if root := c[hierarchy]; root != nil || c == nil {
		return root, nil
	}
	return nil, fmt.Errorf("the reader's cgroup namespace has no root in hierarchy %d: %w", hierarchy, unix.ESRCH)
}

// CgroupRootsOf finds out where paths begin for the reader of a request, which may be
// of another target.
func CgroupRootsOf(r bpf.Request) (CgroupRoots, error) {
	r.Target = &Target
	return cgroupRoots(r)
}

func cgroupRoots(request bpf.Request) (roots CgroupRoots, err error) {
	ctx, r := context.Background(), request.Reader
	reader, err := r.Identify(ctx)
	if err != nil || reader.CgroupNS == initialCgroupNS {
		return nil, err
	}
	params := bpf.Params{TID: r.Shown, Reader: r.Identify}
	whole := true
	err = each(ctx, request.System, request.Target, "cgroup_root_records", params, func(e entry[taskCgroupRecord]) bool {
		if e.rec.Key.NativeTid != r.Shown {
			return true
		}
		roots = CgroupRoots{}
		for h, names := range eachHierarchy(e.items) {
			path, ok := appendCgroup(nil, names)
			whole = whole && ok && h.Id >= 0
			path = bytes.TrimSuffix(path, []byte("/"))
			roots[uint32(h.Id)] = &CgroupRoot{h.Cgroup, path, bytes.Repeat([]byte("/.."), bytes.Count(path, []byte("/")))}
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

// Level is how deep the root is below the very root.
func (r *CgroupRoot) Level() int {
	if r == nil {
		return 0
	}
	return len(r.up) / len("/..")
}

// Relative makes dst[start:], which is a path from the very root, one from this
// root, as kernfs_path_from_node() of fs/kernfs/dir.c does.
func (r *CgroupRoot) Relative(dst []byte, start int) []byte {
	if r == nil {
		return dst
	}
	if len(dst) == start+1 {
		dst = dst[:start] // "/"
	}
	path, common := dst[start:], r.path
	for !bytes.HasPrefix(path, common) || len(path) > len(common) && path[len(common)] != '/' {
		common = common[:bytes.LastIndexByte(common, '/')]
	}
	up := 3 * bytes.Count(r.path[len(common):], []byte("/"))
	dst = slices.Replace(dst, start, start+len(common), r.up[:up]...)
	if len(dst) == start {
		dst = append(dst, '/')
	}
	return dst
}
