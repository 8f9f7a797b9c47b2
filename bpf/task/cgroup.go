// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

// maxHierarchies is how many are told apart here.
const maxHierarchies = 32

// hierarchies are what this kernel shows of each cgroup hierarchy before the path,
// in its order.
type hierarchies struct {
	ids    []int32
	labels []string // "3:cpu,cpuacct:"
	// roots are where the reader's paths begin, in that order; nil for the very roots.
	roots []*bpf.CgroupRoot
}

// readHierarchies reads them from the daemon's own file. They change when one is
// mounted or unmounted.
func readHierarchies() (h hierarchies, err error) {
	own, err := native.ReadFile("self/cgroup")
	if err != nil {
		return h, err
	}
	for line := range strings.Lines(string(own)) {
		parts := strings.SplitAfterN(line, ":", 3)
		id, err := strconv.ParseInt(strings.TrimSuffix(parts[0], ":"), 10, 32)
		if err != nil || len(parts) < 3 {
			return h, fmt.Errorf("the cgroups of the daemon have the line %q", line)
		}
		h.ids = append(h.ids, int32(id))
		h.labels = append(h.labels, parts[0]+parts[1])
	}
	return h, nil
}

// cgroupFiles have text that is made with what the daemon's own has at that time.
var cgroupFiles = []bpf.File{
	{Path: "tasks/cgroup", Doc: "every process's cgroup, " + headedForm, Program: "cgroup_records",
		Open: openCgroup(headed[taskCgroupRecord])},
	{Path: "tasks/<pid>/cgroup", Doc: "as /proc/<pid>/cgroup", Program: "cgroup_records",
		Open: openCgroup(plain)},
	{Path: "tasks/<pid>/task/<tid>/cgroup", Doc: "as /proc/<pid>/task/<tid>/cgroup", Program: "cgroup_records",
		Open: openCgroup(plain)},
}

func openCgroup(form func(one text[taskCgroupRecord]) text[taskCgroupRecord]) func(bpf.Request, bpf.Form) (bpf.Content, error) {
	return func(r bpf.Request, _ bpf.Form) (bpf.Content, error) {
		h, err := readHierarchies()
		if err != nil {
			return nil, err
		}
		if err := h.readRoots(r); err != nil {
			return nil, err
		}
		return r.Render(r.File.Program, source[taskCgroupRecord]().Texts(form(h.append)))
	}
}

// readRoots finds out where the paths begin for the reader.
func (h *hierarchies) readRoots(r bpf.Request) error {
	roots, err := r.Reader.CgroupRoots(context.Background())
	for i := 0; err == nil && roots != nil && i < len(h.ids); i++ {
		var root *bpf.CgroupRoot
		root, err = roots.Of(uint32(h.ids[i]))
		h.roots = append(h.roots, root)
	}
	return err
}

// append appends /proc/<pid>/cgroup, as proc_cgroup_show() of
// kernel/cgroup/cgroup.c writes it.
func (h hierarchies) append(dst []byte, e entry[taskCgroupRecord]) ([]byte, error) {
	start := len(dst)
	places, ok := h.find(e.items)
	for i := 0; ok && i < len(h.ids); i++ {
		dst = append(dst, h.labels[i]...)
		at := len(dst)
		if dst, ok = appendCgroup(dst, places[i].names); ok && h.roots != nil && !places[i].exiting {
			dst = h.roots[i].Relative(dst, at)
		}
		if places[i].deleted && h.ids[i] == 0 {
			dst = append(dst, " (deleted)"...)
		}
		dst = append(dst, '\n')
	}
	if !ok && h.roots != nil {
		return dst[:start], unix.EOVERFLOW // the real file is written for the daemon
	}
	if !ok {
		return appendNative(dst[:start], e.rec.Key, "cgroup")
	}
	return dst, nil
}

// A place is a task's cgroup in one hierarchy.
type place struct {
	names   []byte // cgroup items
	found   bool
	deleted bool
	exiting bool
}

// find sorts a task's cgroups by hierarchy. It reports false where the list is
// cut, or has not just the hierarchies that the daemon knows.
func (h hierarchies) find(items []byte) (places [maxHierarchies]place, ok bool) {
	if len(h.ids) > maxHierarchies {
		return places, false
	}
	found := 0
	for it, names := range eachHierarchy(items) {
		switch i := h.index(it.Id); {
		case it.Id < 0 || i < 0 && it.Id > 0:
			return places, false
		case i >= 0: // the default hierarchy is not shown before it has been mounted
			places[i] = place{names: names, found: true, deleted: it.Deleted != 0, exiting: it.Exiting != 0}
			found++
		}
	}
	return places, found == len(h.ids)
}

// eachHierarchy yields the hierarchies among items, each with the names of the path
// in it.
func eachHierarchy(items []byte) iter.Seq2[*taskHierarchyItem, []byte] {
	return func(yield func(*taskHierarchyItem, []byte) bool) {
		for len(items) > 0 {
			it := (*taskHierarchyItem)(unsafe.Pointer(unsafe.SliceData(items)))
			items = items[it.Item.Size:]
			n := 0
			for n < len(items) {
				next := (*taskItem)(unsafe.Pointer(&items[n]))
				if next.Kind != itemCgroup {
					break
				}
				n += int(next.Size)
			}
			if it.Item.Kind == itemHierarchy && !yield(it, items[:n]) {
				return
			}
			items = items[n:]
		}
	}
}

func (h hierarchies) index(id int32) int {
	for i, known := range h.ids {
		if known == id {
			return i
		}
	}
	return -1
}
