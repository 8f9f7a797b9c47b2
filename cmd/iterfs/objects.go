// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/fs"
)

// objects makes the generator of a directory's objects.
func (s *system) objects(t *bpf.Target, o *bpf.Objects) func(context.Context, fs.Request, string) iter.Seq2[fs.Object, error] {
	return func(ctx context.Context, r fs.Request, want string) iter.Seq2[fs.Object, error] {
		return s.objectsFor(ctx, bpf.Request{System: s, Target: t, Reader: s.reader(r.Caller), Object: key(r)}, o, want)
	}
}

// objectsFor generates the objects in the directory of the request's object, or at the
// top, that there are for its reader.
func (s *system) objectsFor(ctx context.Context, r bpf.Request, o *bpf.Objects, want string) iter.Seq2[fs.Object, error] {
	return func(yield func(fs.Object, error) bool) {
		records, err := s.runObjects(ctx, r, o, want)
		if err != nil {
			yield(fs.Object{}, err)
			return
		}
		if records == nil {
			return
		}
		defer records.Close()
		for more := true; more; {
			batch, err := records.Next(ctx)
			if err == io.EOF {
				return
			}
			if err == nil {
				err = o.Decode(batch, func(found bpf.Object) bool {
					if o.Within == nil || r.Object == nil || found.Parent == *r.Object {
						more = yield(object(found), nil)
					}
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

// runObjects starts what writes the records of a directory's objects; nil where
// want is not a name of such an object.
func (s *system) runObjects(ctx context.Context, r bpf.Request, o *bpf.Objects, want string) (bpf.Records, error) {
	if o.Run != nil {
		return o.Run(r, want)
	}
	var params bpf.Params
	if o.Within != nil && r.Object != nil {
		params = o.Within(r.Object.ID)
	}
	if want != "" {
		id, err := strconv.ParseUint(want, 10, 32)
		if err != nil {
			return nil, nil
		}
		if o.Narrow != nil {
			if err = s.narrow(ctx, o, r.Reader.Identify, uint32(id), &params); err != nil {
				return nil, err
			}
		}
	}
	params.Reader = r.Reader.Identify
	return s.Run(r.Target, o.Program, params)
}

// narrow makes the kernel visit the object of a name alone, if it can be told which
// that is: a reader in another pid namespace has other numbers.
func (s *system) narrow(ctx context.Context, o *bpf.Objects, reader bpf.Identify, id uint32, p *bpf.Params) error {
	if o.PerPIDNS {
		identity, err := reader(ctx)
		if err != nil || !identity.IsNative() {
			return err
		}
	}
	*p = o.Narrow(id)
	return nil
}

func object(o bpf.Object) fs.Object {
	name := o.Name
	if name == "" {
		name = strconv.FormatUint(uint64(o.ID), 10)
	}
	return fs.Object{Name: name, ID: uint64(o.ID), Birth: o.Birth, UID: o.UID, GID: o.GID}
}

// key tells which object a path leads to; nil where there is none on it.
func key(r fs.Request) *bpf.Key {
	if len(r.Objects) == 0 {
		return nil
	}
	o := r.Objects[len(r.Objects)-1]
	return &bpf.Key{ID: uint32(o.ID), Birth: o.Birth}
}

// narrowing finds what makes the kernel visit the one object that a path leads to.
func (s *system) narrowing(path string) func(uint32) bpf.Params {
	if _, o := s.directory(path); o != nil {
		return o.Narrow
	}
	return nil
}

// directory finds the innermost objects whose directories a path leads through,
// whichever target they are of.
func (s *system) directory(path string) (target *bpf.Target, innermost *bpf.Objects) {
	for _, t := range s.present {
		for i := range t.Objects {
			o := &t.Objects[i]
			if strings.HasPrefix(path, o.Path+"/") && (innermost == nil || len(o.Path) > len(innermost.Path)) {
				target, innermost = t, o
			}
		}
	}
	return target, innermost
}

// Exists asks the generator of the directory that a path leads through.
func (s *system) Exists(ctx context.Context, path string, key bpf.Key) (bool, error) {
	t, o := s.directory(path)
	reader := s.reader(fs.Caller{TID: uint32(os.Getpid())})
	reader.Identify = s.daemon
	name := strconv.FormatUint(uint64(key.ID), 10)
	for o, err := range s.objectsFor(ctx, bpf.Request{System: s, Target: t, Reader: reader}, o, name) {
		if err != nil {
			return false, err
		}
		if o.ID == uint64(key.ID) && o.Birth == key.Birth {
			return true, nil
		}
	}
	return false, nil
}
