// SPDX-License-Identifier: Apache-2.0

package fs

import (
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
	real   *unix.Stat_t // of the real twin, when there is one
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
		return n.instance(ctx, c, t, name, Object{})
	}
	if t := n.tmpl.object; t != nil {
		for o, err := range t.entry.Objects(ctx, n.request(c), name) {
			if err != nil {
				return nil, err
			}
			if o.Name == name {
				return n.instance(ctx, c, t, name, o)
			}
		}
	} else if n.isReal() {
		return n.lookupReal(ctx, c, passed, name, Object{})
	}
	return nil, unix.ENOENT
}

// instance is the entry of the directory that a template describes.
func (n *Node) instance(ctx context.Context, c Caller, t *template, name string, o Object) (*Node, error) {
	if t.entry.Real || t.entry.Native != nil {
		return n.lookupReal(ctx, c, t, name, o)
	}
	return n.newNode(t, name, o), nil
}

// List returns the entries of a directory, the fixed ones first.
func (n *Node) List(ctx context.Context, c Caller) ([]*Node, error) {
	if !n.IsDir() {
		return nil, unix.ENOTDIR
	}
	if n.isReal() && n.tmpl.object == nil {
		return n.listReal(ctx, c)
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
	if len(nodes) == 0 && n.isReal() {
		_, err := n.stat(ctx, c) // is it there at all?
		return nil, err
	}
	return nodes, nil
}

// Open opens a file for reading.
func (n *Node) Open(ctx context.Context, c Caller) (*Reader, error) {
	if n.IsDir() {
		return nil, unix.EISDIR
	}
	if n.passed() && n.Mode()&unix.S_IFMT == unix.S_IFREG {
		return newReader(ctx, func(ctx context.Context) (Stream, error) {
			f, err := n.OpenReal(ctx, c, unix.O_RDONLY)
			if err != nil {
				return nil, err
			}
			return f.stream(c), nil
		})
	}
	if n.tmpl.entry.Open == nil {
		return nil, unix.ELOOP
	}
	r := n.request(c)
	r.Opened = &Opened{}
	reader, err := newReader(ctx, func(ctx context.Context) (Stream, error) { return n.tmpl.entry.Open(ctx, r) })
	if err != nil {
		r.Opened.close()
		return nil, err
	}
	reader.opened = r.Opened
	return reader, nil
}

// Readlink returns the content of a symbolic link.
func (n *Node) Readlink(ctx context.Context, c Caller) (string, error) {
	if n.passed() && n.Mode()&unix.S_IFMT == unix.S_IFLNK {
		return n.readlinkReal(ctx, c)
	}
	if n.tmpl.entry.Link == nil {
		return "", unix.EINVAL
	}
	return n.tmpl.entry.Link(ctx, n.request(c))
}
