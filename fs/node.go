// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"cmp"
	"context"
	"encoding/binary"
	"hash/fnv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Node is a file, directory or link that exists, or did a moment ago.
type Node struct {
	tmpl   *template
	parent *Node
	name   string
	object Object // of a template that stands for objects
	ino    uint64
}

// rootIno is FUSE_ROOT_ID.
const rootIno = 1

// Root is the node of the tree's root directory.
func (t *Tree) Root() *Node { return &Node{tmpl: t.root, ino: rootIno} }

// newNode gives a node its inode number: a hash of its path and of what tells
// its objects from earlier ones, so that a name used again is another inode.
func (n *Node) newNode(t *template, name string, o Object) *Node {
	h := fnv.New64a()
	var b [16]byte
	binary.NativeEndian.PutUint64(b[:8], n.ino)
	binary.NativeEndian.PutUint64(b[8:], o.Birth)
	h.Write(b[:])
	h.Write([]byte(name))
	ino := h.Sum64()
	if ino <= rootIno {
		ino += 2
	}
	return &Node{tmpl: t, parent: n, name: name, object: o, ino: ino}
}

// Path is the node's place in the tree, with the names of its objects.
func (n *Node) Path() string {
	if n.parent == nil {
		return "/"
	}
	return n.parent.pathOf(n.name)
}

// pathOf is the path of an entry of the directory.
func (n *Node) pathOf(name string) string {
	return strings.TrimSuffix(n.Path(), "/") + "/" + name
}

// Name is the last component of the path; "" for the root.
func (n *Node) Name() string { return n.name }

// Mode is the node's type and permissions.
func (n *Node) Mode() uint32 {
	switch e := &n.tmpl.entry; {
	case e.Open != nil:
		return unix.S_IFREG | cmp.Or(e.Mode, 0o444)
	case e.Link != nil:
		return unix.S_IFLNK | 0o777
	default:
		return unix.S_IFDIR | cmp.Or(e.Mode, 0o555)
	}
}

// IsDir reports whether the node is a directory.
func (n *Node) IsDir() bool { return n.Mode()&unix.S_IFMT == unix.S_IFDIR }

// Static reports whether the name will mean this node for as long as the tree
// is mounted: no object is on its path.
func (n *Node) Static() bool { return len(n.objects()) == 0 }

// nlink counts as procfs does: two for a directory, and its fixed directories.
func (n *Node) nlink() uint32 {
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
	objects := n.objects()
	if len(objects) == 0 {
		return 0, 0
	}
	o := objects[len(objects)-1]
	return o.UID, o.GID
}

func (n *Node) objects() []Object {
	if n.parent == nil {
		return nil
	}
	objects := n.parent.objects()
	if n.tmpl.entry.Objects != nil {
		objects = append(objects, n.object)
	}
	return objects
}

func (n *Node) request(c Caller) Request { return Request{Caller: c, Objects: n.objects()} }

// Lookup returns the entry of a directory, or ENOENT, ENOTDIR.
func (n *Node) Lookup(ctx context.Context, c Caller, name string) (*Node, error) {
	if !n.IsDir() {
		return nil, unix.ENOTDIR
	}
	if t := n.tmpl.fixed(name); t != nil {
		return n.newNode(t, name, Object{}), nil
	}
	if t := n.tmpl.object; t != nil {
		for o, err := range t.entry.Objects(ctx, n.request(c), name) {
			if err != nil {
				return nil, err
			}
			if o.Name == name {
				return n.newNode(t, name, o), nil
			}
		}
	}
	return nil, unix.ENOENT
}

// List returns the entries of a directory, the fixed ones first.
func (n *Node) List(ctx context.Context, c Caller) ([]*Node, error) {
	if !n.IsDir() {
		return nil, unix.ENOTDIR
	}
	var nodes []*Node
	for _, t := range n.tmpl.children {
		nodes = append(nodes, n.newNode(t, t.name, Object{}))
	}
	if t := n.tmpl.object; t != nil {
		for o, err := range t.entry.Objects(ctx, n.request(c), "") {
			if err != nil {
				return nil, err
			}
			if n.tmpl.fixed(o.Name) == nil {
				nodes = append(nodes, n.newNode(t, o.Name, o))
			}
		}
	}
	return nodes, nil
}

// Open opens a file for reading.
func (n *Node) Open(ctx context.Context, c Caller) (*Reader, error) {
	if n.IsDir() {
		return nil, unix.EISDIR
	}
	if n.tmpl.entry.Open == nil {
		return nil, unix.ELOOP
	}
	r := n.request(c)
	return newReader(ctx, func(ctx context.Context) (Stream, error) { return n.tmpl.entry.Open(ctx, r) })
}

// Readlink returns the content of a symbolic link.
func (n *Node) Readlink(ctx context.Context, c Caller) (string, error) {
	if n.tmpl.entry.Link == nil {
		return "", unix.EINVAL
	}
	return n.tmpl.entry.Link(ctx, n.request(c))
}
