// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	iofs "io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// native opens the real directory that the node's directory is laid over, or one
// above, and tells the node's path below it.
func (n *Node) native(ctx context.Context, c Caller) (d *Native, name string, err error) {
	name = "."
	base := n
	for ; base.tmpl.entry.Native == nil; base = base.parent {
		name = path.Join(base.name, name)
	}
	d, err = base.tmpl.entry.Native(ctx, base.request(c))
	return d, name, err
}

// onNative calls f with what native returns.
func (n *Node) onNative(ctx context.Context, c Caller, f func(d *Native, name string) error) error {
	d, name, err := n.native(ctx, c)
	if err == nil {
		defer d.Dir.Close()
		err = f(d, name)
	}
	return Told(err) // it is the kernel's answer
}

// isReal reports whether the node stands for a real file or directory.
func (n *Node) isReal() bool { return n.real != nil }

// passed reports whether the node is a real one that the tree has no entry for.
func (n *Node) passed() bool { return n.tmpl == passed }

// passed is what a name that is passed through is an instance of.
var passed = &template{}

// newReal is a node with the attributes of its real twin. What is no entry of the
// tree is another node once it has another type.
func (n *Node) newReal(t *template, name string, o Object, st *unix.Stat_t) *Node {
	if t == passed {
		o.Birth = uint64(st.Mode & unix.S_IFMT)
	}
	child := n.newNode(t, name, o)
	child.real = st
	return child
}

// lookupReal is Lookup of a name that the real directory is to have.
func (n *Node) lookupReal(ctx context.Context, c Caller, t *template, name string, o Object) (*Node, error) {
	st, err := n.newNode(t, name, o).stat(ctx, c)
	if err != nil {
		return nil, err
	}
	return n.newReal(t, name, o, st), nil
}

// stat asks for the attributes of the node's real twin.
func (n *Node) stat(ctx context.Context, c Caller) (st *unix.Stat_t, err error) {
	err = n.onNative(ctx, c, func(d *Native, name string) error {
		st, err = d.stat(c, name)
		return err
	})
	return st, err
}

// Refresh returns the node with its attributes of now. Those of what has gone are
// the last ones, left to root as by pid_getattr() of fs/proc/base.c.
func (n *Node) Refresh(ctx context.Context, c Caller) (*Node, error) {
	if !n.isReal() {
		return n, nil
	}
	st, err := n.stat(ctx, c)
	switch errno := Errno(err); errno {
	case 0:
	case unix.ENOENT, unix.ESRCH:
		last := *n.real
		last.Uid, last.Gid = 0, 0
		st = &last
	default:
		return nil, err
	}
	now := *n
	now.real = st
	return &now, nil
}

// listReal lists the real directory in its order, and behind it what the tree adds.
func (n *Node) listReal(ctx context.Context, c Caller) (nodes []*Node, err error) {
	var entries []iofs.DirEntry
	err = n.onNative(ctx, c, func(d *Native, name string) error {
		entries, err = d.list(c, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	listed := map[*template]bool{}
	for _, e := range entries {
		t := n.tmpl.fixed(e.Name())
		if t == nil {
			nodes = append(nodes, n.newReal(passed, e.Name(), Object{}, &unix.Stat_t{Mode: modeOf(e.Type())}))
			continue
		}
		nodes = append(nodes, n.newNode(t, t.name, Object{}))
		listed[t] = true
	}
	for _, t := range n.tmpl.children {
		if !listed[t] && !t.entry.Real {
			nodes = append(nodes, n.newNode(t, t.name, Object{}))
		}
	}
	return nodes, nil
}

// modeOf is the type of a directory's entry as the kernel has it.
func modeOf(t iofs.FileMode) uint32 {
	switch {
	case t.IsDir():
		return unix.S_IFDIR
	case t&iofs.ModeSymlink != 0:
		return unix.S_IFLNK
	}
	return unix.S_IFREG
}

func (n *Node) readlinkReal(ctx context.Context, c Caller) (target string, err error) {
	err = n.onNative(ctx, c, func(d *Native, name string) error {
		target, err = d.readlink(c, name)
		return err
	})
	return target, err
}

// OpenReal opens the node's real twin, with the flags of open(2).
func (n *Node) OpenReal(ctx context.Context, c Caller, flags uint32) (f *File, err error) {
	err = n.onNative(ctx, c, func(d *Native, name string) error {
		f, err = d.open(c, name, flags)
		return err
	})
	return f, err
}

// mayList asks whether the caller may open a directory that is passed through: its
// mode does not tell all.
func (n *Node) mayList(ctx context.Context, c Caller) error {
	if !n.passed() {
		return nil
	}
	f, err := n.OpenReal(ctx, c, unix.O_RDONLY)
	if err != nil {
		return err
	}
	return f.Close()
}
