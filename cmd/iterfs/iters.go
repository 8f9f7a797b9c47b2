// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"iter"
	"log/slog"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/loader/userobj"
)

// iterEntries is the directory iters: users' BPF objects, as files to be copied
// and as directories of their programs and variables.
func (s *system) iterEntries() []fs.Entry {
	return append([]fs.Entry{
		{Path: "iters", Dir: true, Private: true},
		s.pinnedEntry(),
		{Path: "iters/errors", Open: func(context.Context, fs.Request) (fs.Stream, error) {
			return fs.Text(s.user.Failures.Append(nil)), nil
		}},
		{
			Path: "iters/<object>", Lasting: true,
			Objects: s.userObjects,
			Open:    s.openObject,
			Write:   s.writeObject,
			Collect: userobj.MaxSize,
			Create:  s.createObject,
			Remove:  s.removeObject,
		},
		{
			Path: "iters/<object>/vars/<variable>", Lasting: true,
			Objects: s.variables,
			Open:    s.openVariable,
			Write:   s.writeVariable,
		},
	}, s.programEntries(everything)...)
}

// loadObjects loads the objects in a directory; "" for none. One that does not load
// is told of in the log, in status and in iters/errors.
func (s *system) loadObjects(dir string, log *slog.Logger) error {
	if dir == "" {
		return nil
	}
	err := s.user.LoadDir(dir)
	if n := s.user.Failures.Count(); n > 0 {
		log.Warn("BPF objects were not loaded: see iters/errors", "dir", dir, "count", n)
	}
	return err
}

// last is the innermost object of a request.
func last(r fs.Request) fs.Object { return r.Objects[len(r.Objects)-1] }

// objectIn is the user's object whose directory is among those of a request,
// the depth'th from its end.
func (s *system) objectIn(r fs.Request, depth int) (*userobj.Object, error) {
	if o := s.user.Object(r.Objects[len(r.Objects)-depth].Name); o != nil {
		return o, nil
	}
	return nil, fmt.Errorf("the object has been removed: %w", unix.ENOENT)
}

// userObjects generates each object twice: as the file, and as the directory.
func (s *system) userObjects(context.Context, fs.Request, string) iter.Seq2[fs.Object, error] {
	return func(yield func(fs.Object, error) bool) {
		for _, o := range s.user.Objects() {
			file := fs.Object{Name: o.File, Birth: o.Birth, Size: uint64(len(o.Content)), Modified: o.Loaded}
			dir := fs.Object{Name: o.Name, Birth: o.Birth, Dir: true, Modified: o.Loaded}
			if !yield(file, nil) || !yield(dir, nil) {
				return
			}
		}
	}
}

func (s *system) openObject(_ context.Context, r fs.Request) (fs.Stream, error) {
	for _, o := range s.user.Objects() {
		if o.File == last(r).Name {
			return fs.Text(o.Content), nil
		}
	}
	return nil, unix.ENOENT
}

func (s *system) writeObject(_ context.Context, r fs.Request) (fs.Sink, error) {
	file := last(r).Name
	return func(_ context.Context, content []byte) error { return fs.Told(s.user.Put(file, content)) }, s.mayLoad(r.Caller)
}

func (s *system) createObject(_ context.Context, r fs.Request, name string) (fs.Object, error) {
	if err := s.mayLoad(r.Caller); err != nil {
		return fs.Object{}, err
	}
	return fs.Object{Name: name}, s.user.Check(name)
}

func (s *system) removeObject(_ context.Context, r fs.Request) error {
	if err := s.mayLoad(r.Caller); err != nil {
		return err
	}
	return s.user.Remove(last(r).Name)
}
