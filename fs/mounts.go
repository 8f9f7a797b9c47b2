// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/native"
)

// fsType is what the kernel calls the mount: "fuse." and the subtype.
const fsType = "fuse." + subtype

// ProcName is the directory of the tree that the drop-in for /proc is mounted on, and
// NativeName the one in that where the kernel's own procfs is.
const (
	ProcName   = "proc"
	NativeName = ".native"
)

// mountedOn returns what is mounted on top of a directory; nil for nothing.
func mountedOn(path string) (*mountinfo.Info, error) {
	mounts, err := mountTable(func(m *mountinfo.Info) (skip, stop bool) { return m.Mountpoint != path, false })
	if err != nil {
		return nil, err
	}
	// Mounts are numbered as they are made, and can be mounted in another order.
	for _, m := range mounts {
		if !slices.ContainsFunc(mounts, func(other *mountinfo.Info) bool { return other.Parent == m.ID }) {
			return m, nil
		}
	}
	return nil, nil
}

// carriedBy lists the mounts that the iterfs on a directory has of its own, a mount
// behind what it is mounted on. With a mount of somebody else's it is in use.
func carriedBy(dir string) ([]*mountinfo.Info, error) {
	top, err := mountedOn(dir)
	if err != nil || top == nil {
		return nil, err
	}
	below, err := mountsBelow(top)
	if err != nil {
		return nil, err
	}
	own := ownMounts(top, below)
	for _, m := range below {
		if !own(m) {
			return nil, fmt.Errorf("%s is in use: a filesystem (%s) is mounted on %s: %w", dir, m.FSType, m.Mountpoint, unix.EBUSY)
		}
	}
	return below, nil
}

// mountsBelow lists what is mounted on a mount and on that, and so on.
func mountsBelow(top *mountinfo.Info) ([]*mountinfo.Info, error) {
	all, err := mountTable(nil)
	if err != nil {
		return nil, err
	}
	below := []*mountinfo.Info{top}
	for i := 0; i < len(below); i++ {
		for _, m := range all {
			if m.Parent == below[i].ID && m.ID != m.Parent {
				below = append(below, m)
			}
		}
	}
	return below[1:], nil
}

// ownMounts tells the mounts that an iterfs carries from those of others: the
// drop-in for /proc, the native procfs in it with what is mounted there, and its
// files and directories, likewise with what is mounted there, at their places.
func ownMounts(top *mountinfo.Info, below []*mountinfo.Info) func(*mountinfo.Info) bool {
	inTree := strings.TrimSuffix(top.Mountpoint, "/") + "/" + ProcName
	proc := strings.TrimSuffix(top.Mountpoint, "/")
	if slices.ContainsFunc(below, func(m *mountinfo.Info) bool { return m.Mountpoint == inTree && m.FSType == fsType }) {
		proc = inTree
	}
	type device struct{ major, minor int }
	in := map[string]device{} // by path in the native procfs
	for _, m := range below {
		if path, ok := strings.CutPrefix(m.Mountpoint, proc+"/"+NativeName); ok {
			in[path] = device{m.Major, m.Minor}
		}
	}
	return func(m *mountinfo.Info) bool {
		path := strings.TrimPrefix(m.Mountpoint, proc)
		d := device{m.Major, m.Minor}
		twin, ok := in[path]
		isProc := m.Mountpoint == inTree && (m.FSType == fsType || m.FSType == "proc")
		return isProc || strings.HasPrefix(path, "/"+NativeName) || d == in[""] || ok && d == twin
	}
}

func mountTable(filter mountinfo.FilterFunc) ([]*mountinfo.Info, error) {
	mounts, err := native.Mounts(filter)
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	return mounts, nil
}
