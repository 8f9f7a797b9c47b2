// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/cgroup"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/loader/userobj"
)

// A place is where users' programs can be read: in a directory iters in the one of
// an object that they take as parameter.
type place struct {
	// path is the object's directory; "" for everything. doc tells what the object is.
	path, doc string
	// targets are those whose programs are there; nil for all.
	targets []string
	// narrow makes a program visit the object alone. The caller closes what it returns.
	narrow func(o fs.Object, p *bpf.Params) (io.Closer, error)
	// exists generates the object while it exists.
	exists func(context.Context, fs.Request, string) iter.Seq2[fs.Object, error]
}

var (
	taskTargets   = []string{"task", "task_file", "task_vma"}
	threadTargets = []string{"task", "task_file"} // mappings are the process's
	mapTargets    = []string{"bpf_map_elem", "sockmap", "bpf_sk_storage_map"}
	cgroupTargets = []string{"cgroup"}

	everything = &place{}
	places     = []place{
		{path: "tasks/<pid>", doc: "process", targets: taskTargets, narrow: toProcess},
		{path: "tasks/<pid>/task/<tid>", doc: "thread", targets: threadTargets, narrow: toThread},
		{path: "maps/<id>", doc: "map", targets: mapTargets, narrow: toMap},
		{path: "cgroups/<cgroup>...", doc: "cgroup and those below it", targets: cgroupTargets, narrow: toCgroup},
		{path: "cgroups/v1/<cgroup>...", doc: "cgroup of v1 and those below it", targets: cgroupTargets, narrow: toCgroup},
	}
)

func toProcess(o fs.Object, p *bpf.Params) (io.Closer, error) {
	p.PID = uint32(o.ID)
	return nil, nil
}

func toThread(o fs.Object, p *bpf.Params) (io.Closer, error) {
	p.TID = uint32(o.ID)
	return nil, nil
}

func toMap(o fs.Object, p *bpf.Params) (io.Closer, error) {
	m, err := ebpf.NewMapFromID(ebpf.MapID(o.ID))
	p.Map = m
	return m, err
}

func toCgroup(o fs.Object, p *bpf.Params) (_ io.Closer, err error) {
	*p, err = cgroup.Params(bpf.Key{ID: uint32(o.ID), Birth: o.Birth}, p.Order)
	return p.Cgroup, err // nil, which can be closed too, of v2
}

// orders are the suffixes of a cgroup program's file, by the order of its walk.
var orders = map[string]bpf.Order{
	"": bpf.Descendants, ".pre": bpf.Descendants, ".post": bpf.DescendantsPost, ".up": bpf.Ancestors, ".self": bpf.Self,
}

// iterEntriesOf is the directory iters in the directory of an object, where the
// object is a parameter of any program.
func (s *system) iterEntriesOf(path string, exists func(context.Context, fs.Request, string) iter.Seq2[fs.Object, error]) []fs.Entry {
	for _, p := range places {
		if p.path == path {
			p.exists = exists
			s.places = append(s.places, p)
			return append([]fs.Entry{
				{Path: path + "/iters", Dir: true, Private: true},
				{Path: path + "/iters/<object>", Objects: s.objectsIn(&p)},
			}, s.programEntries(&p)...)
		}
	}
	return nil
}

func (s *system) programEntries(p *place) []fs.Entry {
	return []fs.Entry{{
		Path:    strings.TrimPrefix(p.path+"/iters/<object>/<program>", "/"),
		Lasting: true,
		Objects: s.programsIn(p),
		Open: func(ctx context.Context, r fs.Request) (fs.Stream, error) {
			stream, err := s.run(ctx, p, r)
			return stream, s.failed(r, err)
		},
	}}
}

func (p *place) has(program userobj.Program) bool {
	return p.targets == nil || slices.Contains(p.targets, program.Target)
}

// objectsIn generates the directories of the objects that have programs there.
func (s *system) objectsIn(p *place) func(context.Context, fs.Request, string) iter.Seq2[fs.Object, error] {
	return func(context.Context, fs.Request, string) iter.Seq2[fs.Object, error] {
		return func(yield func(fs.Object, error) bool) {
			for _, o := range s.user.Objects() {
				if slices.ContainsFunc(o.Programs, p.has) && !yield(fs.Object{Name: o.Name, Birth: o.Birth, Modified: o.Loaded}, nil) {
					return
				}
			}
		}
	}
}

// programsIn generates the files of an object's programs.
func (s *system) programsIn(p *place) func(context.Context, fs.Request, string) iter.Seq2[fs.Object, error] {
	return func(_ context.Context, r fs.Request, _ string) iter.Seq2[fs.Object, error] {
		return func(yield func(fs.Object, error) bool) {
			o, err := s.objectIn(r, 1)
			if err != nil {
				yield(fs.Object{}, err)
				return
			}
			for _, program := range o.Programs {
				if !p.has(program) {
					continue
				}
				for _, name := range fileNames(program) {
					if !yield(fs.Object{Name: name, Birth: o.Birth, Modified: o.Loaded}, nil) {
						return
					}
				}
			}
		}
	}
}

// fileNames are those of a program: one, or one for each order.
func fileNames(p userobj.Program) []string {
	if p.Target != "cgroup" {
		return []string{p.Name}
	}
	return []string{p.Name, p.Name + ".pre", p.Name + ".post", p.Name + ".up", p.Name + ".self"}
}
