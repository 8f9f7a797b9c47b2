// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// forever is how long the kernel may keep what cannot change while mounted.
const forever = 24 * time.Hour

// justNow is a tick at most: the system call that made the kernel look something up
// does not ask for its attributes again.
const justNow = time.Nanosecond

// server answers the kernel's FUSE requests from a tree. Node ids are inode
// numbers, which differ between all nodes that exist at a time.
type server struct {
	fuse.RawFileSystem // answers ENOSYS
	stats              *Stats
	log                *slog.Logger
	kernel             *fuse.Server // where notices go
	quotas             *quotas

	mu      sync.Mutex
	nodes   map[uint64]*known
	files   map[uint64]handle
	dirs    map[uint64]*listing
	handles uint64 // the last handle given out
}

// known is a node that the kernel holds references to.
type known struct {
	node    *Node
	lookups uint64
	gone    bool // the object that it was of has been removed
}

func newServer(t *Tree, stats *Stats, log *slog.Logger) *server {
	s := &server{
		RawFileSystem: fuse.NewDefaultRawFileSystem(),
		stats:         stats,
		log:           log,
		quotas:        newQuotas(),
		nodes:         map[uint64]*known{},
		files:         map[uint64]handle{},
		dirs:          map[uint64]*listing{},
	}
	s.nodes[rootIno] = &known{node: t.Root(), lookups: 1}
	return s
}

func (s *server) String() string { return "iterfs" }

func (s *server) Init(kernel *fuse.Server) { s.kernel = kernel }

func (s *server) node(id uint64) *Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[id].node
}

// status turns an error into the kernel's answer, counts it, and logs it unless
// it is one that readers cause.
func (s *server) status(op string, n *Node, name string, err error) fuse.Status {
	errno := Errno(err)
	if errno == 0 {
		return fuse.OK
	}
	var sentence string
	if !expected(err, errno) {
		path := n.Path()
		if name != "" {
			path = n.pathOf(name)
		}
		sentence = fmt.Sprintf("%s %s: %v", op, path, err)
		if errno != unix.EOPNOTSUPP && errno != unix.ENFILE { // answers, whose reason the status tells; not failures
			s.log.Error(op+" failed", "path", path, "errno", unix.ErrnoName(errno), "error", err)
		}
	}
	s.stats.countError(errno, sentence)
	return fuse.Status(errno)
}

func request(cancel <-chan struct{}, h *fuse.InHeader) (*fuse.Context, Caller) {
	return &fuse.Context{Caller: h.Caller, Cancel: cancel}, Caller{UID: h.Uid, GID: h.Gid, TID: h.Pid}
}

// brief is request where the answer takes no time: it is given whatever signals the
// caller gets meanwhile, as no program expects EINTR there.
func brief(h *fuse.InHeader) (context.Context, Caller) {
	_, c := request(nil, h)
	return context.Background(), c
}

func (s *server) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	defer s.stats.Lookup.since(time.Now())
	ctx, caller := brief(h)
	dir := s.node(h.NodeId)
	n, err := dir.Lookup(ctx, caller, name)
	if err != nil {
		return s.status("look up", dir, name, err)
	}
	s.fillEntry(n, out)
	out.SetAttrTimeout(justNow)
	if n.Static() {
		out.SetEntryTimeout(forever)
		out.SetAttrTimeout(forever)
	}
	return fuse.OK
}

// fillEntry answers with a node that the kernel then refers to.
func (s *server) fillEntry(n *Node, out *fuse.EntryOut) {
	s.mu.Lock()
	k := s.nodes[n.ino]
	if k == nil {
		k = &known{node: n}
		s.nodes[n.ino] = k
	}
	k.lookups++
	s.mu.Unlock()
	out.NodeId = n.ino
	s.fillAttr(n, &out.Attr)
}

func (s *server) Forget(id, lookups uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.nodes[id]
	if k == nil || id == rootIno {
		return
	}
	if k.lookups -= min(lookups, k.lookups); k.lookups == 0 {
		delete(s.nodes, id)
	}
}

func (s *server) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	ctx, caller := brief(&in.InHeader)
	if s.gone(in.NodeId) {
		return fuse.ENOENT
	}
	n, err := s.node(in.NodeId).Refresh(ctx, caller)
	if err != nil {
		return s.status("stat", s.node(in.NodeId), "", err)
	}
	s.fillAttr(n, &out.Attr)
	if in.Flags()&fuse.FUSE_GETATTR_FH != 0 {
		if w := s.handle(in.Fh()).w; w.collects() {
			out.Size = w.size()
			return fuse.OK
		}
	}
	if n.Static() {
		out.SetTimeout(forever)
	}
	return fuse.OK
}

func (s *server) fillAttr(n *Node, a *fuse.Attr) {
	a.Ino = n.ino
	a.Mode = n.Mode()
	a.Nlink = n.nlink()
	a.Uid, a.Gid = n.owner()
	a.Size = n.object.Size
	if st := n.real; st != nil {
		a.Size = uint64(st.Size)
		a.Atime, a.Mtime, a.Ctime = uint64(st.Atim.Sec), uint64(st.Mtim.Sec), uint64(st.Ctim.Sec)
		a.Atimensec, a.Mtimensec, a.Ctimensec = uint32(st.Atim.Nsec), uint32(st.Mtim.Nsec), uint32(st.Ctim.Nsec)
		return
	}
	modified := &s.stats.Started
	if !n.object.Modified.IsZero() {
		modified = &n.object.Modified
	}
	a.SetTimes(modified, modified, modified)
}

func (s *server) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	ctx, caller := brief(h)
	n := s.node(h.NodeId)
	target, err := n.Readlink(ctx, caller)
	return []byte(target), s.status("read link", n, "", err)
}

func (s *server) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	return fuse.OK
}
