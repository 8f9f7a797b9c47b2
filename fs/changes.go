// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"bytes"
	"context"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Create opens a file that is none yet. Where the kernel's look-up has been
// overtaken by another creator it is as if that had come first.
func (s *server) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	ctx, caller := request(cancel, &in.InHeader)
	dir := s.node(in.NodeId)
	if in.Flags&unix.O_EXCL != 0 {
		if _, err := dir.Lookup(ctx, caller, name); err == nil {
			return s.status("create", dir, name, unix.EEXIST)
		}
	}
	if err := s.quotas.open(caller); err != nil {
		return s.status("create", dir, name, err)
	}
	n, w, err := dir.Create(ctx, caller, name)
	if err != nil {
		s.quotas.close(caller)
		return s.status("create", dir, name, err)
	}
	s.fillEntry(n, &out.EntryOut)
	s.opened(handle{w: w, by: caller}, &out.OpenOut)
	return fuse.OK
}

func (s *server) Writev(cancel <-chan struct{}, in *fuse.WriteIn, data [][]byte) (uint32, fuse.Status) {
	ctx, caller := request(cancel, &in.InHeader)
	p := data[0]
	if len(data) > 1 {
		p = bytes.Join(data, nil)
	}
	f := s.handle(in.Fh)
	if f.real != nil {
		n, err := f.real.WriteAt(ctx, caller, p, int64(in.Offset))
		return uint32(n), s.status("write", s.node(in.NodeId), "", err)
	}
	off := int64(in.Offset)
	if in.Flags&unix.O_APPEND != 0 {
		off = atEnd
	}
	if err := f.w.WriteAt(ctx, p, off); err != nil {
		return 0, s.status("write", s.node(in.NodeId), "", err)
	}
	return uint32(len(p)), fuse.OK
}

func (s *server) Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	w := s.handle(in.Fh).w
	if !w.collects() {
		return fuse.OK
	}
	ctx, _ := request(cancel, &in.InHeader)
	n := s.node(in.NodeId)
	status := s.status("close", n, "", w.Flush(ctx))
	if status.Ok() {
		s.forgetEntries(n.parent)
	}
	return status
}

func (s *server) Unlink(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	ctx, caller := request(cancel, in)
	dir := s.node(in.NodeId)
	status := s.status("remove", dir, name, dir.Remove(ctx, caller, name))
	if status.Ok() {
		s.markGone(ctx, caller, dir)
		// The kernel holds the directory's lock until it has the answer.
		go s.forgetEntries(dir)
	}
	return status
}

// forgetEntries makes the kernel look up anew the objects of a directory, after
// one has changed.
func (s *server) forgetEntries(dir *Node) {
	for _, n := range s.objectsIn(dir) {
		s.kernel.EntryNotify(dir.ino, n.name) // of what it holds no more: ENOENT
	}
}

// markGone makes the kernel ask for the attributes of what was a directory of
// objects that have gone, which it would not before it is told to look them up
// anew. They then are none, and nothing below them can be reached.
func (s *server) markGone(ctx context.Context, c Caller, dir *Node) {
	for _, n := range s.objectsIn(dir) {
		if _, err := dir.Lookup(ctx, c, n.name); err == nil || !n.IsDir() {
			continue
		}
		s.mu.Lock()
		if k := s.nodes[n.ino]; k != nil {
			k.gone = true
		}
		s.mu.Unlock()
		s.kernel.InodeNotify(n.ino, -1, 0)
	}
}

func (s *server) gone(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[id].gone
}

// objectsIn returns the objects of a directory that the kernel may know.
func (s *server) objectsIn(dir *Node) (nodes []*Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.nodes {
		if n := k.node; n.parent != nil && n.parent.ino == dir.ino && n.tmpl.entry.Objects != nil {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// SetAttr truncates. Modes, owners and times are the tree's own: a file that can
// be written to takes new ones, as cp -p and install give them, and keeps its own.
func (s *server) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	n := s.node(in.NodeId)
	switch {
	case n.isReal() && in.Valid&fuse.FATTR_MODE != 0:
		return fuse.EPERM
	case n.isReal(): // as in procfs, it changes nothing
		s.fillAttr(n, &out.Attr)
		return fuse.OK
	case n.tmpl.entry.Write == nil || n.IsDir():
		return fuse.EROFS
	}
	if size, ok := in.GetSize(); ok {
		fh, ok := in.GetFh()
		if !ok {
			return s.status("truncate", n, "", unix.EINVAL) // truncate(2): there is no close to follow
		}
		if err := s.handle(fh).w.Truncate(int64(size)); err != nil {
			return s.status("truncate", n, "", err)
		}
		out.Size = size
	}
	s.fillAttr(n, &out.Attr)
	return fuse.OK
}

// What a directory cannot hold is refused as by other filesystems. EXDEV makes
// mv(1) copy and remove.

func (s *server) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, _ *fuse.EntryOut) fuse.Status {
	return s.unfit(in.NodeId, fuse.EPERM)
}

func (s *server) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	if s.node(in.NodeId).isReal() {
		return fuse.EPERM
	}
	return s.unfit(in.NodeId, fuse.EPERM)
}

func (s *server) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, _ *fuse.EntryOut) fuse.Status {
	return s.unfit(in.NodeId, fuse.EPERM)
}

func (s *server) Symlink(_ <-chan struct{}, in *fuse.InHeader, _, name string, _ *fuse.EntryOut) fuse.Status {
	return s.unfit(in.NodeId, fuse.EPERM)
}

func (s *server) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, _ *fuse.EntryOut) fuse.Status {
	return s.unfit(in.NodeId, fuse.EPERM)
}

func (s *server) Rename(cancel <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	ctx, caller := request(cancel, &in.InHeader)
	if dir := s.node(in.Newdir); dir.isReal() {
		if _, err := dir.Lookup(ctx, caller, newName); err == nil {
			return fuse.EPERM
		}
	}
	return s.unfit(in.NodeId, fuse.Status(unix.EXDEV))
}

// unfit answers what the tree does not do in a directory: with the status where
// files can be made in it at all, and as procfs over a real one.
func (s *server) unfit(dir uint64, status fuse.Status) fuse.Status {
	switch n := s.node(dir); {
	case n.isReal():
		return fuse.ENOENT
	case n.creates() == nil:
		return fuse.EROFS
	}
	return status
}
