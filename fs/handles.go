// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// listing is an open directory: what it held when it was last read from the start.
type listing struct {
	mu      sync.Mutex
	dir     *Node
	by      Caller
	entries []fuse.DirEntry
}

// handle is an open file, to be read, written or both; or a real one.
type handle struct {
	r    *Reader
	w    *Writer
	real *File
	by   Caller
}

func (s *server) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	defer s.stats.Open.since(time.Now())
	ctx, caller := brief(&in.InHeader)
	n := s.node(in.NodeId)
	f, err := s.openFile(ctx, n, caller, in.Flags)
	if err != nil {
		return s.status("open", n, "", err)
	}
	s.opened(f, out)
	return fuse.OK
}

func (s *server) openFile(ctx context.Context, n *Node, c Caller, flags uint32) (f handle, err error) {
	if err := s.quotas.open(c); err != nil {
		return f, err
	}
	defer func() {
		if err != nil {
			s.quotas.close(c)
		}
	}()
	f.by = c
	access := flags & unix.O_ACCMODE
	if n.passed() || n.isReal() && access != unix.O_RDONLY {
		f.real, err = n.OpenReal(ctx, c, flags)
		return f, err
	}
	if access != unix.O_RDONLY {
		f.w, err = n.OpenWriter(ctx, c, flags&unix.O_TRUNC != 0)
	}
	if err == nil && !f.w.collects() && access != unix.O_WRONLY {
		f.r, err = n.Open(ctx, c)
	}
	return f, err
}

func (s *server) opened(f handle, out *fuse.OpenOut) {
	s.stats.Opens.Add(1)
	s.mu.Lock()
	s.handles++
	out.Fh = s.handles
	s.files[out.Fh] = f
	s.mu.Unlock()
	// The content has no length before it is read, and is never the same twice.
	out.OpenFlags = fuse.FOPEN_DIRECT_IO
	if !f.w.collects() {
		out.OpenFlags |= fuse.FOPEN_NOFLUSH
	}
}

func (s *server) handle(fh uint64) handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[fh]
}

func (s *server) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	defer s.stats.Read.since(time.Now())
	ctx, caller := request(cancel, &in.InHeader)
	var n int
	var err error
	switch f := s.handle(in.Fh); {
	case f.real != nil:
		n, err = f.real.ReadAt(ctx, caller, buf, int64(in.Offset))
	case f.r != nil:
		n, err = f.r.ReadAt(ctx, buf, int64(in.Offset))
	default:
		n, err = f.w.ReadAt(buf, int64(in.Offset))
	}
	s.stats.Bytes.Add(uint64(n))
	if status := s.status("read", s.node(in.NodeId), "", err); !status.Ok() {
		return nil, status
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

func (s *server) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	s.mu.Lock()
	f := s.files[in.Fh]
	delete(s.files, in.Fh)
	s.mu.Unlock()
	switch {
	case f.r != nil:
		f.r.Close()
	case f.real != nil:
		f.real.Close()
	}
	s.quotas.close(f.by)
	s.stats.Closes.Add(1)
}

func (s *server) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	ctx, caller := brief(&in.InHeader)
	n := s.node(in.NodeId)
	err := n.mayList(ctx, caller)
	if err == nil {
		err = s.quotas.open(caller)
	}
	if err != nil {
		return s.status("open", n, "", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handles++
	out.Fh = s.handles
	s.dirs[out.Fh] = &listing{dir: n, by: caller}
	return fuse.OK
}

// ReadDir answers from the listing that was made when the directory was last
// read from its start: a rewound directory is listed anew, and a reader who takes
// long neither misses nor repeats an entry.
func (s *server) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	defer s.stats.List.since(time.Now())
	ctx, caller := brief(&in.InHeader)
	s.mu.Lock()
	l := s.dirs[in.Fh]
	s.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if in.Offset == 0 {
		if err := s.list(ctx, l, caller); err != nil {
			return s.status("list", l.dir, "", err)
		}
	}
	for i := in.Offset; i < uint64(len(l.entries)); i++ {
		if !out.AddDirEntry(l.entries[i]) {
			break
		}
	}
	return fuse.OK
}

// list fills a listing, whose lock is held.
func (s *server) list(ctx context.Context, l *listing, c Caller) error {
	nodes, err := l.dir.List(ctx, c)
	if err != nil {
		return err
	}
	before := len(l.entries)
	l.fill(nodes)
	if err = s.quotas.list(len(l.entries) - before); err != nil {
		s.quotas.list(-before)
		l.entries = nil
	}
	return err
}

func (l *listing) fill(nodes []*Node) {
	up := l.dir.parent
	if up == nil {
		up = l.dir
	}
	l.entries = append(l.entries[:0],
		fuse.DirEntry{Name: ".", Ino: l.dir.ino, Mode: l.dir.Mode(), Off: 1},
		fuse.DirEntry{Name: "..", Ino: up.ino, Mode: up.Mode(), Off: 2})
	for i, n := range nodes {
		l.entries = append(l.entries, fuse.DirEntry{Name: n.name, Ino: n.ino, Mode: n.Mode(), Off: uint64(i) + 3})
	}
}

func (s *server) ReleaseDir(in *fuse.ReleaseIn) {
	s.mu.Lock()
	l := s.dirs[in.Fh]
	delete(s.dirs, in.Fh)
	s.mu.Unlock()
	s.quotas.list(-len(l.entries))
	s.quotas.close(l.by)
}
