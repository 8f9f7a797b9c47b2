// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf/link"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/loader"
	"github.com/iterfs/iterfs/native"
)

// pinnedEntry is the tree of the iterators that are pinned in BPF filesystems, at
// the paths that they have in the daemon's mount namespace.
func (s *system) pinnedEntry() fs.Entry {
	return fs.Entry{
		Path: "iters/pinned/<name>...",
		Objects: func(_ context.Context, r fs.Request, want string) iter.Seq2[fs.Object, error] {
			return func(yield func(fs.Object, error) bool) {
				objects, err := pinnedIn(pinnedPath(r), want)
				if err != nil {
					yield(fs.Object{}, err)
					return
				}
				for _, o := range objects {
					if !yield(o, nil) {
						return
					}
				}
			}
		},
		Open: func(ctx context.Context, r fs.Request) (fs.Stream, error) {
			return s.belowRoot(ctx, r.Caller, func(root *native.RootDir) (fs.Stream, error) {
				stream, err := openPinned(pinnedPath(r), s.opener(ctx, r), root)
				if err != nil {
					return nil, fs.Told(err)
				}
				return &output{stream: stream, ended: func(_ context.Context, _ bool, err error) error { return fs.Told(err) }}, nil
			})
		},
	}
}

// pinnedPath is the path outside that a path in the tree stands for.
func pinnedPath(r fs.Request) string {
	path := "/"
	for _, o := range r.Objects {
		path = filepath.Join(path, o.Name)
	}
	return path
}

func openPinned(path string, reader bpf.Reader, root *native.RootDir) (*loader.Stream, error) {
	ns, err := reader.NetNS()
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	return loader.OpenPinned(path, bpf.Params{NetNS: ns, Root: root})
}

// pinnedIn lists a directory, or one name in it: the way to BPF filesystems above
// them, and directories and pinned iterators in them.
func pinnedIn(dir, want string) ([]fs.Object, error) {
	mounts, err := native.Mounts(mountinfo.FSTypeFilter("bpf"))
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	var objects []fs.Object
	inside := false
	for _, m := range mounts {
		rest, below := strings.CutPrefix(m.Mountpoint, strings.TrimSuffix(dir, "/")+"/")
		name, _, _ := strings.Cut(rest, "/")
		if below && !slices.ContainsFunc(objects, func(o fs.Object) bool { return o.Name == name }) {
			objects = append(objects, fs.Object{Name: name, Dir: true})
		}
		inside = inside || dir == m.Mountpoint || strings.HasPrefix(dir, m.Mountpoint+"/")
	}
	if !inside {
		return objects, nil
	}
	names := []string{want}
	if want == "" {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		names = nil
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	for _, name := range names {
		if o, ok := pinnedAt(filepath.Join(dir, name)); ok {
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// pinnedAt reports whether a path in a BPF filesystem is a directory or a pinned
// iterator.
func pinnedAt(path string) (fs.Object, bool) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return fs.Object{}, false
	}
	o := fs.Object{Name: filepath.Base(path), Birth: st.Ino, Dir: st.Mode&unix.S_IFMT == unix.S_IFDIR}
	return o, o.Dir || st.Mode&unix.S_IFMT == unix.S_IFREG && isIterator(path)
}

func isIterator(path string) bool {
	l, err := link.LoadPinnedLink(path, nil)
	if err != nil {
		return false
	}
	defer l.Close()
	_, ok := l.(*link.Iter)
	return ok
}
