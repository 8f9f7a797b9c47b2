// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// listing is an open directory: what it held when it was last read from the start.
type listing struct {
	mu      sync.Mutex
	dir     *Node
	entries []fuse.DirEntry
}

// handle is an open file, to be read, written or both.
type handle struct {
	r *Reader
	w *Writer
}

func (s *server) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	defer s.stats.Open.since(time.Now())
	ctx, caller := request(cancel, &in.InHeader)
	n := s.node(in.NodeId)
	var f handle
	var err error
	access := in.Flags & unix.O_ACCMODE
	if access != unix.O_RDONLY {
		f.w, err = n.OpenWriter(ctx, caller, in.Flags&unix.O_TRUNC != 0)
	}
	if err == nil && !f.w.collects() && access != unix.O_WRONLY {
		f.r, err = n.Open(ctx, caller)
	}
	if err != nil {
		return s.status("open", n, "", err)
	}
	s.opened(f, out)
	return fuse.OK
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
	ctx, _ := request(cancel, &in.InHeader)
	var n int
	var err error
	if f := s.handle(in.Fh); f.r != nil {
		n, err = f.r.ReadAt(ctx, buf, int64(in.Offset))
	} else {
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
	if f.r != nil {
		f.r.Close()
	}
	s.stats.Closes.Add(1)
}

func (s *server) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handles++
	out.Fh = s.handles
	s.dirs[out.Fh] = &listing{dir: s.nodes[in.NodeId].node}
	return fuse.OK
}

// ReadDir answers from the listing that was made when the directory was last
// read from its start: a rewound directory is listed anew, and a reader who takes
// long neither misses nor repeats an entry.
func (s *server) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	defer s.stats.List.since(time.Now())
	ctx, caller := request(cancel, &in.InHeader)
	s.mu.Lock()
	l := s.dirs[in.Fh]
	s.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if in.Offset == 0 {
		nodes, err := l.dir.List(ctx, caller)
		if err != nil {
			return s.status("list", l.dir, "", err)
		}
		l.fill(nodes)
	}
	for i := in.Offset; i < uint64(len(l.entries)); i++ {
		if !out.AddDirEntry(l.entries[i]) {
			break
		}
	}
	return fuse.OK
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
	defer s.mu.Unlock()
	delete(s.dirs, in.Fh)
}
