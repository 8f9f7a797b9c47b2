// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"cmp"

	"golang.org/x/sys/unix"
)

// Mode is the node's type and permissions.
func (n *Node) Mode() uint32 {
	switch e := &n.tmpl.entry; {
	case n.real != nil:
		return n.real.Mode
	case e.Open != nil && !n.object.Dir:
		return unix.S_IFREG | n.permissions(0o444, e.Write != nil)
	case e.Link != nil:
		return unix.S_IFLNK | 0o777
	default:
		return unix.S_IFDIR | n.permissions(0o555, n.creates() != nil)
	}
}

func (n *Node) permissions(usual uint32, writable bool) uint32 {
	mode := cmp.Or(n.tmpl.entry.Mode, usual)
	if writable {
		mode |= 0o200
	}
	if n.private() {
		mode &= 0o700
	}
	return mode
}

func (n *Node) private() bool {
	return n.tmpl.entry.Private || n.parent != nil && n.parent.private()
}

// IsDir reports whether the node is a directory.
func (n *Node) IsDir() bool { return n.Mode()&unix.S_IFMT == unix.S_IFDIR }

// Static reports whether the name will mean this node for as long as the tree
// is mounted, or until something is written to the tree: no object is on its
// path, or none that does not last.
func (n *Node) Static() bool {
	return n.parent == nil || (n.tmpl.entry.Objects == nil || n.tmpl.entry.Lasting) && n.parent.Static()
}

// nlink counts as procfs does: two for a directory, and its fixed directories.
func (n *Node) nlink() uint32 {
	if n.real != nil {
		return uint32(n.real.Nlink)
	}
	if !n.IsDir() {
		return 1
	}
	links := uint32(2)
	for _, c := range n.tmpl.children {
		if c.entry.Open == nil && c.entry.Link == nil {
			links++
		}
	}
	return links
}

// owner is that of the innermost object on the path, else root.
func (n *Node) owner() (uid, gid uint32) {
	if n.real != nil {
		return n.real.Uid, n.real.Gid
	}
	objects := n.objects()
	if len(objects) == 0 || n.private() {
		return 0, 0
	}
	o := objects[len(objects)-1]
	return o.UID, o.GID
}
