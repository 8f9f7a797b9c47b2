// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

var ctx = context.Background()

// numbers generates the objects 1 to n; birth is theirs.
func numbers(n int, birth *uint64) func(context.Context, Request, string) iter.Seq2[Object, error] {
	return func(context.Context, Request, string) iter.Seq2[Object, error] {
		return func(yield func(Object, error) bool) {
			for i := 1; i <= n; i++ {
				if !yield(Object{Name: strconv.Itoa(i), ID: uint64(i), Birth: *birth, UID: 7, GID: 8}, nil) {
					return
				}
			}
		}
	}
}

// nested generates in each directory the objects a and b, down to four levels,
// and one that has the name of a fixed entry.
func nested(_ context.Context, r Request, want string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for i, name := range []string{"a", "b", "file"} {
			id := uint64(i) + 1
			for _, o := range r.Objects {
				id += o.ID * 10
			}
			if len(r.Objects) < 4 && (want == "" || name == want) && !yield(Object{Name: name, ID: id}, nil) {
				return
			}
		}
	}
}

func testTree(birth *uint64) *Tree {
	said := func(text string) func(context.Context, Request) (Stream, error) {
		return func(_ context.Context, r Request) (Stream, error) {
			content := []byte(text)
			for _, o := range r.Objects {
				content = append(content, " "+o.Name...)
			}
			return Text(content), nil
		}
	}
	return New([]Entry{
		{Path: "top", Open: said("top")},
		{Path: "dir/<n>", Objects: numbers(3, birth)},
		{Path: "dir/<n>/file", Open: said("file")},
		{Path: "dir/<n>/sub/<m>", Objects: numbers(2, birth)},
		{Path: "dir/<n>/sub/<m>/deep", Open: said("deep")},
		{Path: "nest/<n>...", Objects: nested},
		{Path: "nest/<n>.../file", Open: said("file")},
		{Path: "nest/<n>.../fixed/file", Open: said("fixed")},
		{Path: "nest/other/<n>...", Objects: nested},
		{Path: "nest/other/<n>.../file", Open: said("other")},
		{Path: "dir/self", Link: func(context.Context, Request) (string, error) { return "2", nil }},
		{Path: "dir/loop", Link: func(context.Context, Request) (string, error) { return "loop", nil }},
		{Path: "bare", Dir: true},
		{Path: "files/<n>", Mode: 0o400, Objects: numbers(3, birth), Open: said("object")},
		{Path: "files", Mode: 0o500, Dir: true},
		{Path: "broken/<n>", Objects: func(context.Context, Request, string) iter.Seq2[Object, error] {
			return func(yield func(Object, error) bool) { yield(Object{}, unix.EIO) }
		}},
	})
}

func TestWalkAndRead(t *testing.T) {
	tree := testTree(new(uint64))
	for path, want := range map[string]string{
		"top": "top", "/dir/2/file": "file 2", "dir/3/sub/1/deep": "deep 3 1", "dir/self/file": "file 2", "files/3": "object 3",
		"nest/a/file": "file a", "nest/a/b/b/a/file": "file a b b a", "nest/a/b/fixed/file": "fixed a b", "nest/other/b/b/file": "other b b",
	} {
		n, err := tree.Walk(ctx, Caller{}, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		r, err := n.Open(ctx, Caller{})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(readAll(t, r, 100)); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
		r.Close()
	}
	for path, want := range map[string]unix.Errno{
		"nothing": unix.ENOENT, "dir/4": unix.ENOENT, "dir/02": unix.ENOENT, "top/below": unix.ENOTDIR, "files/4": unix.ENOENT, "files/3/x": unix.ENOTDIR,
		"dir/loop": unix.ELOOP, "broken/1": unix.EIO,
		"nest/c": unix.ENOENT, "nest/a/b/b/a/b": unix.ENOENT, "nest/a/file/a": unix.ENOTDIR, "nest/a/other": unix.ENOENT,
	} {
		if _, err := tree.Walk(ctx, Caller{}, path); Errno(err) != want {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

// What a directory lists can be looked up, and is the same.
func TestListingAndLookupAgree(t *testing.T) {
	var visit func(dir *Node) (names []string)
	visit = func(dir *Node) (names []string) {
		nodes, err := dir.List(ctx, Caller{})
		if err != nil {
			return []string{fmt.Sprintf("%s: %v", dir.Path(), err)}
		}
		for _, n := range nodes {
			found, err := dir.Lookup(ctx, Caller{}, n.Name())
			if err != nil || found.ino != n.ino || found.Mode() != n.Mode() {
				t.Errorf("%s is listed, and looked up: %v, %v", n.Path(), found, err)
			}
			names = append(names, n.Path())
			if n.IsDir() {
				names = append(names, visit(n)...)
			}
		}
		if here := slices.Compact(slices.Sorted(slices.Values(namesOf(nodes)))); len(here) != len(nodes) {
			t.Errorf("%s lists a name twice: %q", dir.Path(), namesOf(nodes))
		}
		return names
	}
	names := visit(testTree(new(uint64)).Root())
	for _, want := range []string{"/top", "/dir/1/sub/2/deep", "/dir/self", "/bare", "/nest/a/b/a/b/fixed/file", "/nest/other/file", "/broken: input/output error"} {
		if !slices.Contains(names, want) {
			t.Errorf("no %s in %q", want, names)
		}
	}
}

func namesOf(nodes []*Node) (names []string) {
	for _, n := range nodes {
		names = append(names, n.Name())
	}
	return names
}

func TestReusedNameIsAnotherInode(t *testing.T) {
	birth := new(uint64)
	tree := testTree(birth)
	lookup := func() *Node {
		n, err := tree.Walk(ctx, Caller{}, "dir/1/file")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first := lookup()
	if again := lookup(); again.ino != first.ino {
		t.Error("one object, two inode numbers")
	}
	*birth++
	if later := lookup(); later.ino == first.ino {
		t.Error("another object has the inode number of the one before it")
	}
}

func TestAttributes(t *testing.T) {
	tree := testTree(new(uint64))
	for _, test := range []struct {
		path  string
		mode  uint32
		nlink uint32
		uid   uint32
	}{
		{"/", unix.S_IFDIR | 0o555, 7, 0}, // dir, nest, bare, files, broken
		{"top", unix.S_IFREG | 0o444, 1, 0},
		{"dir/1", unix.S_IFDIR | 0o555, 3, 7},
		{"dir/1/file", unix.S_IFREG | 0o444, 1, 7},
		{"bare", unix.S_IFDIR | 0o555, 2, 0},
		{"files", unix.S_IFDIR | 0o500, 2, 0},
		{"files/2", unix.S_IFREG | 0o400, 1, 7},
	} {
		n, err := tree.Walk(ctx, Caller{}, test.path)
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := n.owner()
		if n.Mode() != test.mode || n.nlink() != test.nlink || uid != test.uid {
			t.Errorf("%s: mode %o, %d links, uid %d", test.path, n.Mode(), n.nlink(), uid)
		}
	}
}

func TestContradictionsPanic(t *testing.T) {
	open := func(context.Context, Request) (Stream, error) { return Text(nil), nil }
	for name, entries := range map[string][]Entry{
		"two entries":      {{Path: "a", Open: open}, {Path: "a", Open: open}},
		"below a file":     {{Path: "a", Open: open}, {Path: "a/b", Open: open}},
		"ungenerated name": {{Path: "a/<n>/b", Open: open}},
		"two of objects":   {{Path: "a/<n>", Objects: nested}, {Path: "a/<m>...", Objects: nested}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			New(entries)
		}()
	}
}

func TestErrno(t *testing.T) {
	for _, test := range []struct {
		err  error
		want unix.Errno
	}{
		{nil, 0},
		{fmt.Errorf("wrapped: %w", unix.ESRCH), unix.ESRCH},
		{context.Canceled, unix.EINTR},
		{fmt.Errorf("absent: %w", errors.ErrUnsupported), unix.EOPNOTSUPP},
		{iofs.ErrNotExist, unix.ENOENT},
		{iofs.ErrPermission, unix.EACCES},
		{errors.New("anything else"), unix.EIO},
	} {
		if got := Errno(test.err); got != test.want {
			t.Errorf("%v is %v, want %v", test.err, got, test.want)
		}
	}
}
