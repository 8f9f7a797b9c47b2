// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

// A hierarchy is one of cgroup v1 that is mounted where the daemon sees it: the
// iterator takes a cgroup of it by a directory alone.
type hierarchy struct {
	id   uint32
	name string // as in /proc/<pid>/cgroup: its controllers, or name=...
	dir  string
}

// hierarchies lists those of v1.
func hierarchies() ([]hierarchy, error) {
	own, err := native.ReadFile("self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("list the hierarchies of cgroups: %w", err)
	}
	mounts, err := native.Mounts(mountinfo.FSTypeFilter("cgroup"))
	if err != nil {
		return nil, fmt.Errorf("list the hierarchies of cgroups: %w", err)
	}
	var found []hierarchy
	for line := range strings.Lines(string(own)) {
		f := strings.SplitN(line, ":", 3)
		id, err := strconv.ParseUint(f[0], 10, 32)
		if err != nil || id == 0 || len(f) < 3 {
			continue
		}
		for _, m := range mounts {
			if options := strings.Split(m.VFSOptions, ","); hasAll(options, strings.Split(f[1], ",")) {
				found = append(found, hierarchy{uint32(id), f[1], m.Mountpoint})
				break
			}
		}
	}
	return found, nil
}

func hasAll(options, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(options, w) })
}

// openV1 opens the directory of a cgroup of v1 by its id, which no other has had.
func openV1(key bpf.Key) (*os.File, error) {
	all, err := hierarchies()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(h hierarchy) bool { return h.id == key.ID })
	if i < 0 {
		return nil, fmt.Errorf("hierarchy %d of cgroups: %w", key.ID, unix.ENOENT)
	}
	root, err := os.Open(all[i].dir)
	if err != nil || key.Birth == 0 {
		return root, err
	}
	defer root.Close()
	const fileidKernfs = 0xfe
	handle := unix.NewFileHandle(fileidKernfs, binary.NativeEndian.AppendUint64(nil, key.Birth))
	fd, err := unix.OpenByHandleAt(int(root.Fd()), handle, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open a cgroup of %s by its id: %w", all[i].name, err)
	}
	return os.NewFile(uintptr(fd), all[i].dir), nil
}

// childrenV1 is the bpf.Objects.Run of v1, where the topmost directory has the
// hierarchies.
func childrenV1(r bpf.Request, name string) (bpf.Records, error) {
	if r.Object != nil {
		return childrenOf(r, *r.Object, name)
	}
	all, err := hierarchies()
	if err != nil {
		return nil, err
	}
	roots, err := r.Reader.CgroupRoots(context.Background())
	if err != nil {
		return nil, err
	}
	var made made
	for _, h := range all {
		root, err := roots.Of(h.id)
		if err != nil {
			continue // it came after the namespace was looked at
		}
		key := keyOf(h.id, root)
		made = appendNamed(made, &child{Hierarchy: key.ID, Id: key.Birth}, []byte(h.name))
	}
	return &made, nil
}

// made is records that were made at once.
type made []byte

func (m *made) Next(context.Context) ([]byte, error) {
	if len(*m) == 0 {
		return nil, io.EOF
	}
	batch := *m
	*m = nil
	return batch, nil
}

func (m *made) Close() error { return nil }
