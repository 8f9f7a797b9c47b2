// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// A CgroupRoot is where the paths in a hierarchy begin for a reader: the cgroup that
// is the root of his cgroup namespace. Nil is the very root.
type CgroupRoot struct {
	ID   uint64 // of the cgroup
	path []byte // from the very root; nothing for that itself
	up   []byte // "/.." for each name of the path
}

// NewCgroupRoot returns that of a cgroup, whose path is from the very root.
func NewCgroupRoot(id uint64, path []byte) *CgroupRoot {
	path = bytes.TrimSuffix(path, []byte("/"))
	return &CgroupRoot{id, path, bytes.Repeat([]byte("/.."), bytes.Count(path, []byte("/")))}
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
