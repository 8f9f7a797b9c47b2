// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/loader"
)

// system is where targets, loader and filesystem meet: it makes the entries of
// the tree from the targets that this kernel has.
type system struct {
	loader  *loader.Loader
	stats   *fs.Stats
	present []*bpf.Target
	absent  map[*bpf.Target]error
}

// newSystem finds out which targets there are. It loads none.
func newSystem() (*system, error) {
	s := &system{loader: loader.New(), stats: fs.NewStats(), absent: map[*bpf.Target]error{}}
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

func (s *system) tree() *fs.Tree {
	entries := []fs.Entry{
		{Path: "README", Open: s.generated((*system).appendReadme)},
		{Path: "status", Open: s.generated((*system).appendStatus)},
	}
	for _, t := range s.present {
		for _, o := range t.Objects {
			entries = append(entries, fs.Entry{Path: o.Path, Objects: s.objects(t, &o)})
		}
		for _, f := range t.Files {
			entries = append(entries, fs.Entry{Path: f.Path, Open: s.open(t, &f, f.Format)})
			if f.JSON != nil {
				entries = append(entries, fs.Entry{Path: f.Path + ".json", Open: s.open(t, &f, f.JSON)})
			}
		}
	}
	return fs.New(append(entries, callerEntries()...))
}

// generated makes the Open of a file that the daemon itself writes.
func (s *system) generated(appendTo func(*system, []byte) []byte) func(context.Context, fs.Request) (fs.Stream, error) {
	return func(context.Context, fs.Request) (fs.Stream, error) {
		return fs.Text(appendTo(s, nil)), nil
	}
}

// objects makes the generator of a directory's objects.
func (s *system) objects(t *bpf.Target, o *bpf.Objects) func(context.Context, fs.Request, string) iter.Seq2[fs.Object, error] {
	return func(ctx context.Context, _ fs.Request, want string) iter.Seq2[fs.Object, error] {
		return func(yield func(fs.Object, error) bool) {
			var params loader.Params
			if want != "" {
				id, err := strconv.ParseUint(want, 10, 32)
				if err != nil {
					return // not a name of such an object
				}
				params = narrow(o.Narrow, uint32(id))
			}
			stream, err := s.loader.Open(t, o.Program, params)
			if err != nil {
				yield(fs.Object{}, err)
				return
			}
			defer stream.Close()
			for more := true; more; {
				batch, err := stream.Next(ctx)
				if err == io.EOF {
					return
				}
				if err == nil {
					err = o.Decode(batch, func(o bpf.Object) bool {
						more = yield(fs.Object{
							Name: strconv.FormatUint(uint64(o.ID), 10),
							ID:   uint64(o.ID), Birth: o.Birth, UID: o.UID, GID: o.GID,
						}, nil)
						return more
					})
				}
				if err != nil {
					yield(fs.Object{}, err)
					return
				}
			}
		}
	}
}

func narrow(by bpf.Narrow, id uint32) loader.Params {
	if by == bpf.ByTID {
		return loader.Params{TID: id}
	}
	return loader.Params{}
}

// open makes the Open of a file with a target's records.
func (s *system) open(t *bpf.Target, f *bpf.File, format bpf.Format) func(context.Context, fs.Request) (fs.Stream, error) {
	by := bpf.ByKey
	for _, o := range t.Objects {
		if strings.HasPrefix(f.Path, o.Path+"/") {
			by = o.Narrow
		}
	}
	return func(_ context.Context, r fs.Request) (fs.Stream, error) {
		c := &content{format: format, stats: s.stats}
		var params loader.Params
		if len(r.Objects) > 0 {
			o := r.Objects[len(r.Objects)-1]
			c.only = &bpf.Key{ID: uint32(o.ID), Birth: o.Birth}
			params = narrow(by, c.only.ID)
		}
		if f.PerNetNS {
			ns, err := netNS(r.TID)
			if err != nil {
				return nil, fmt.Errorf("find the reader's network namespace: %w", err)
			}
			defer ns.Close()
			params.NetNS = ns
		}
		var err error
		c.stream, err = s.loader.Open(t, f.Program, params)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
}
