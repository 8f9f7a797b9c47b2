// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/fs/procfs"
	"github.com/iterfs/iterfs/loader"
	"github.com/iterfs/iterfs/loader/userobj"
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
	places  []place // those in the tree

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
	entries = append(entries, callerEntries()...)
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

// objects makes the generator of a directory's objects.
func (s *system) objects(t *bpf.Target, o *bpf.Objects) func(context.Context, fs.Request, string) iter.Seq2[fs.Object, error] {
	return func(ctx context.Context, r fs.Request, want string) iter.Seq2[fs.Object, error] {
		return s.objectsFor(ctx, t, o, s.reader(r.Caller).Identify, key(r), want)
	}
}

// objectsFor generates the objects in the directory of parent, or at the top, that
// there are for a reader.
func (s *system) objectsFor(ctx context.Context, t *bpf.Target, o *bpf.Objects, reader bpf.Identify, parent *bpf.Key, want string) iter.Seq2[fs.Object, error] {
	return func(yield func(fs.Object, error) bool) {
		records, err := s.runObjects(ctx, t, o, reader, parent, want)
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
					if o.Within == nil || parent == nil || found.Parent == *parent {
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
func (s *system) runObjects(ctx context.Context, t *bpf.Target, o *bpf.Objects, reader bpf.Identify, parent *bpf.Key, want string) (bpf.Records, error) {
	if o.Run != nil {
		return o.Run(s, t, parent, want)
	}
	var params bpf.Params
	if o.Within != nil && parent != nil {
		params = o.Within(parent.ID)
	}
	if want != "" {
		id, err := strconv.ParseUint(want, 10, 32)
		if err != nil {
			return nil, nil
		}
		if o.Narrow != nil {
			if err = s.narrow(ctx, o, reader, uint32(id), &params); err != nil {
				return nil, err
			}
		}
	}
	params.Reader = reader
	return s.Run(t, o.Program, params)
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

// open makes the Open of a file with a target's records.
func (s *system) open(t *bpf.Target, f *bpf.File, form bpf.Form) func(context.Context, fs.Request) (fs.Stream, error) {
	narrow, ofProcess := s.narrowing(f.Path), strings.HasPrefix(f.Path, "tasks/<pid>/")
	return func(_ context.Context, r fs.Request) (fs.Stream, error) {
		request := bpf.Request{System: s, Target: t, File: f, Reader: s.opener(r), Object: key(r)}
		if request.Object != nil && narrow != nil {
			request.Params = narrow(request.Object.ID)
		}
		request.Params.Reader = request.Reader.Identify
		if ofProcess {
			if err := s.mayEnter(request.Reader, *request.Object); err != nil {
				return nil, err
			}
		}
		if request.Object == nil || f.Traced == bpf.Never {
			return start(request, form)
		}
		return s.startTraced(request, form)
	}
}

// start makes the content of a request's file.
func start(r bpf.Request, form bpf.Form) (fs.Stream, error) {
	if r.File.PerNetNS {
		ns, err := netNS(r.Reader.TID)
		if err != nil {
			return nil, err
		}
		defer ns.Close()
		r.Params.NetNS = ns
	}
	return r.Start(form)
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
	name := strconv.FormatUint(uint64(key.ID), 10)
	for o, err := range s.objectsFor(ctx, t, o, s.daemon, nil, name) {
		if err != nil {
			return false, err
		}
		if o.ID == uint64(key.ID) && o.Birth == key.Birth {
			return true, nil
		}
	}
	return false, nil
}
