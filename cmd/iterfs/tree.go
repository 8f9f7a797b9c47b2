// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/fs/procfs"
	"github.com/iterfs/iterfs/loader"
	"github.com/iterfs/iterfs/loader/userobj"
	"github.com/iterfs/iterfs/native"
)

// system is where targets, loader and filesystem meet: it makes the entries of
// the tree from the targets that this kernel has. It is the targets' bpf.System.
type system struct {
	loader  *loader.Loader
	user    *userobj.Store
	stats   *fs.Stats
	proc    atomic.Pointer[procfs.Mount] // nil where there is none
	view    bpf.View                     // what readers see
	present []*bpf.Target
	absent  map[*bpf.Target]error
	places  []place  // those in the tree
	devices []uint64 // numbers of the filesystems that are served

	procfses procfses

	ownMu sync.Mutex
	own   *bpf.Identity // of the daemon itself, once it has been asked for
}

// newSystem finds out which targets there are. It loads none.
func newSystem() (*system, error) {
	l := loader.New()
	s := &system{loader: l, user: userobj.NewStore(l, "errors", "pinned"), stats: fs.NewStats(), absent: map[*bpf.Target]error{}}
	if err := s.loader.CheckKernel(); err != nil {
		return nil, err
	}
	for _, t := range targets {
		switch err := s.loader.Present(t); {
		case err == nil:
			s.present = append(s.present, t)
		case errors.Is(err, loader.ErrAbsent):
			s.absent[t] = err
		default:
			return nil, err
		}
	}
	return s, nil
}

func (s *system) close() {
	s.user.Close()
	s.loader.Close()
	s.procfses.close()
}

func (s *system) Run(t *bpf.Target, program string, p bpf.Params) (bpf.Records, error) {
	records, err := s.loader.Run(t, program, p)
	if err != nil {
		return nil, err // and not a *Stream that is nil
	}
	return records, nil
}

func (s *system) Call(t *bpf.Target, program string, ctx []byte) error {
	return s.loader.Call(t, program, ctx)
}

func (s *system) CountRows(n int) { s.stats.Rows.Add(uint64(n)) }

// tree makes the tree, with what else it is to have.
func (s *system) tree(more ...fs.Entry) (*fs.Tree, error) {
	entries := append([]fs.Entry{
		{Path: "README", Open: s.generated((*system).appendReadme)},
		{Path: "status", Open: s.generated((*system).appendStatus)},
	}, more...)
	for _, t := range s.present {
		for _, o := range t.Objects {
			objects := s.objects(t, &o)
			entries = append(entries, fs.Entry{Path: o.Path, Objects: objects, Native: s.nativeOf(o.Path)})
			entries = append(entries, s.processEntries(o.Path)...)
			entries = append(entries, s.iterEntriesOf(o.Path, objects)...)
		}
		for _, f := range t.Files {
			entries = append(entries, fs.Entry{Path: f.Path, Mode: f.Mode, Real: isReal(f.Path), Open: s.open(t, &f, bpf.Text)})
			if f.HasJSON() {
				entries = append(entries, fs.Entry{Path: f.Path + ".json", Mode: f.Mode, Open: s.open(t, &f, bpf.JSON)})
			}
		}
	}
	entries = append(entries, s.callerEntries()...)
	entries = append(entries, s.iterEntries()...)
	selects, err := s.selectEntries()
	return fs.New(append(entries, selects...)), err
}

// generated makes the Open of a file that the daemon itself writes.
func (s *system) generated(appendTo func(*system, []byte) []byte) func(context.Context, fs.Request) (fs.Stream, error) {
	return func(context.Context, fs.Request) (fs.Stream, error) {
		return fs.Text(appendTo(s, nil)), nil
	}
}

// open makes the Open of a file with a target's records.
func (s *system) open(t *bpf.Target, f *bpf.File, form bpf.Form) func(context.Context, fs.Request) (fs.Stream, error) {
	narrow, ofProcess := s.narrowing(f.Path), strings.HasPrefix(f.Path, "tasks/<pid>/")
	return func(ctx context.Context, r fs.Request) (fs.Stream, error) {
		request := bpf.Request{System: s, Target: t, File: f, Reader: s.opener(ctx, r), Object: key(r)}
		if request.Object != nil && narrow != nil {
			request.Params = narrow(request.Object.ID)
		}
		request.Params.Reader = request.Reader.Identify
		if ofProcess {
			if err := s.mayEnter(request.Reader, *request.Object); err != nil {
				return nil, err
			}
		}
		begin := start
		if request.Object != nil && f.Traced != bpf.Never {
			begin = s.startTraced
		}
		if !f.PerRoot {
			return begin(request, form)
		}
		return s.belowRoot(ctx, r.Caller, func(root *native.RootDir) (fs.Stream, error) {
			request.Params.Root = root
			return begin(request, form)
		})
	}
}

// begins is who makes the content of a file begin that was opened by a caller: he or, after
// a rewind, who has rewound it. As in procfs, where paths begin depends on that one.
func begins(ctx context.Context, opener fs.Caller) fs.Caller {
	if c, known := fs.CallerOf(ctx); known {
		return c
	}
	return opener
}

// start makes the content of a request's file.
func start(r bpf.Request, form bpf.Form) (fs.Stream, error) {
	if r.File.PerNetNS {
		ns, err := r.Reader.NetNS()
		if err != nil {
			return nil, err
		}
		defer ns.Close()
		r.Params.NetNS = ns
	}
	return r.Start(form)
}
