// SPDX-License-Identifier: Apache-2.0

// Package cgroup is iter/cgroup: the hierarchies of control groups.
package cgroup

import (
	"context"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/task"
)

// Target has, for v2 and below cgroups/v1 for each hierarchy of v1, the tables of
// cgroups and of the processes in them, at each cgroup.
var Target = bpf.Target{
	Name:   "cgroup",
	Since:  "6.1",
	Object: loadCgroup,
	Records: map[string]uintptr{
		"run_args":     unsafe.Sizeof(cgroupRunArgs{}),
		"row_record":   unsafe.Sizeof(record{}),
		"child_record": unsafe.Sizeof(child{}),
	},
	Files: []bpf.File{
		cgroups("cgroups/table", "one row per cgroup, in pre-order, from the root of the reader's cgroup namespace on"),
		processes("cgroups/tasks", "one row per process"),
		cgroups("cgroups/<cgroup>.../table", "one row for the cgroup and for each below it, in pre-order"),
		processes("cgroups/<cgroup>.../tasks", "one row per process in the cgroup or below it"),
		cgroups("cgroups/v1/<cgroup>.../table", "likewise, in a hierarchy of v1"),
		processes("cgroups/v1/<cgroup>.../tasks", "likewise, in a hierarchy of v1"),
	},
	Objects: []bpf.Objects{
		{Path: "cgroups/<cgroup>...", Doc: "the cgroups of v2, nested as in a cgroupfs of the reader's cgroup namespace; one that is called as an entry beside it is in the tables alone", Run: children, Decode: decodeChildren},
		{Path: "cgroups/v1/<cgroup>...", Doc: "the hierarchies of v1, named as in /proc/<pid>/cgroup, and their cgroups", Run: childrenV1, Decode: decodeChildren},
	},
}

func cgroups(path, doc string) bpf.File {
	f := table.File(path, rowRecords, doc)
	f.Open = openRows
	return f
}

func processes(path, doc string) bpf.File {
	f := task.InCgroup(path, doc)
	open := f.Open
	f.Open = func(r bpf.Request, form bpf.Form) (bpf.Content, error) {
		w, err := startWalk(r)
		if err != nil {
			return nil, err
		}
		top := w.chain[w.top]
		r.Target, r.Object = &task.Target, nil
		r.Params = bpf.Params{Reader: r.Params.Reader, Args: task.CgroupArgs(w.hierarchy, uint32(w.top), top.id)}
		return open(r, form)
	}
	return f
}

func openRows(r bpf.Request, form bpf.Form) (bpf.Content, error) {
	w, err := startWalk(r)
	if err != nil {
		return nil, err
	}
	r.Object = nil // the walk is of nothing else
	return r.Content(w, r.File.As(form)), nil
}

// startWalk begins at the cgroup of a request, or at the reader's root.
func startWalk(r bpf.Request) (*walk, error) {
	var from bpf.Key
	if r.Object != nil {
		from = *r.Object
	}
	root, err := rootOf(r, from.ID)
	if err != nil {
		return nil, err
	}
	if r.Object == nil {
		from = keyOf(0, root)
	}
	return newWalk(func(from bpf.Key, order bpf.Order, args runArgs) (bpf.Records, error) {
		return run(r.System, r.Target, rowRecords, from, order, args)
	}, from, root)
}

// rootOf is the root of a hierarchy for the reader of a request: nil the very root.
func rootOf(r bpf.Request, hierarchy uint32) (*bpf.CgroupRoot, error) {
	roots, err := r.Reader.CgroupRoots(context.Background())
	if err != nil {
		return nil, err
	}
	return roots.Of(hierarchy)
}

// keyOf is the key of the cgroup that is a root.
func keyOf(hierarchy uint32, root *bpf.CgroupRoot) bpf.Key {
	key := bpf.Key{ID: hierarchy}
	if root != nil {
		key.Birth = root.ID
	}
	return key
}
