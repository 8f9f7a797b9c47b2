// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// overTree has directories of objects, 1 and 2, over a real one.
func overTree(t *testing.T, over string, as func(Caller, bool, func() error) error) *Tree {
	t.Helper()
	made := func(context.Context, Request) (Stream, error) { return Text([]byte("made")), nil }
	return New([]Entry{
		{Path: "<n>", Objects: numbers(2, new(uint64)), Native: func(context.Context, Request) (*Native, error) {
			dir, err := os.Open(over)
			return &Native{Dir: dir, As: as}, err
		}},
		{Path: "<n>/made", Real: true, Open: made},
		{Path: "<n>/missing", Real: true, Open: made},
		{Path: "<n>/added", Open: made},
		{Path: "<n>/dir/made", Real: true, Open: made},
		{Path: "<n>/dir", Dir: true, Real: true},
		{Path: "<n>/objects", Dir: true, Real: true},
		{Path: "<n>/objects/<m>", Objects: func(context.Context, Request, string) iter.Seq2[Object, error] {
			return func(yield func(Object, error) bool) { yield(Object{Name: "object"}, nil) }
		}},
	})
}

func realDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "dir/deep"), 0o751),
		os.Mkdir(filepath.Join(dir, "objects"), 0o755),
		os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o640),
		os.WriteFile(filepath.Join(dir, "made"), []byte("real"), 0o604),
		os.WriteFile(filepath.Join(dir, "dir/made"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "objects/real"), nil, 0o600),
		os.Symlink("any where", filepath.Join(dir, "dir/link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func content(t *testing.T, n *Node) string {
	t.Helper()
	r, err := n.Open(ctx, Caller{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	buf := make([]byte, 100)
	k, err := r.ReadAt(ctx, buf, 0)
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return string(buf[:k])
}

func TestLaidOver(t *testing.T) {
	dir := realDir(t)
	tree := overTree(t, dir, nil)
	for path, want := range map[string]string{"1/file": "content", "1/made": "made", "2/added": "made", "1/dir/made": "made"} {
		n := walk(t, tree, path)
		if got := content(t, n); got != want || n.Static() {
			t.Errorf("%s is %q, static %v", path, got, n.Static())
		}
	}
	for path, below := range map[string]string{"1": ".", "1/file": "file", "1/made": "made", "1/dir": "dir", "1/dir/deep": "dir/deep", "1/dir/link": "dir/link"} {
		var want unix.Stat_t
		if err := unix.Lstat(filepath.Join(dir, below), &want); err != nil {
			t.Fatal(err)
		}
		n := walk(t, tree, path)
		if uid, gid := n.owner(); n.Mode() != want.Mode || uint64(n.nlink()) != want.Nlink || uid != want.Uid || gid != want.Gid {
			t.Errorf("%s: mode %o, %d links, owner %d:%d", path, n.Mode(), n.nlink(), uid, gid)
		}
	}
	for path, want := range map[string]error{
		"1/missing": unix.ENOENT, "1/nothing": unix.ENOENT, "1/objects/real": unix.ENOENT, "1/file/x": unix.ENOTDIR, "1/dir/link/x": unix.ENOTDIR,
	} {
		if _, err := tree.Walk(ctx, Caller{}, path); Errno(err) != want {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	if walk(t, tree, "1/file").ino == walk(t, tree, "2/file").ino {
		t.Error("a file of two objects is one inode")
	}
	if target, err := walk(t, tree, "1/dir/link").Readlink(ctx, Caller{}); err != nil || target != "any where" {
		t.Errorf("the link is %q, %v", target, err)
	}
}

// A listing has the real one's order, then what the tree adds.
func TestListLaidOver(t *testing.T) {
	dir := realDir(t)
	tree := overTree(t, dir, nil)
	for path, added := range map[string][]string{"1": {"added"}, "1/dir": nil} {
		f, err := os.Open(filepath.Join(dir, path[1:]))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		want, err := f.Readdirnames(-1)
		if err != nil {
			t.Fatal(err)
		}
		nodes, err := walk(t, tree, path).List(ctx, Caller{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, n := range nodes {
			names = append(names, n.Name())
			if found := walk(t, tree, path+"/"+n.Name()); found.ino != n.ino || found.Mode()&unix.S_IFMT != n.Mode()&unix.S_IFMT {
				t.Errorf("%s/%s is another when it is looked up", path, n.Name())
			}
		}
		if !slices.Equal(names, append(want, added...)) {
			t.Errorf("%s has %q, want %q and %q", path, names, want, added)
		}
	}
}

func TestRealFiles(t *testing.T) {
	dir := realDir(t)
	n := walk(t, overTree(t, dir, nil), "1/file")
	f, err := n.OpenReal(ctx, Caller{}, unix.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for off, text := range map[int64]string{5: "X", 0: "ab", 20: "end"} {
		if k, err := f.WriteAt(ctx, Caller{}, []byte(text), off); k != len(text) || err != nil {
			t.Errorf("%d bytes, %v", k, err)
		}
	}
	buf := make([]byte, 30)
	if k, err := f.ReadAt(ctx, Caller{}, buf, 2); err != nil || string(buf[:k]) != "nteXt\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00end" {
		t.Errorf("%q, %v", buf[:k], err)
	}
	if k, err := f.ReadAt(ctx, Caller{}, buf, 23); k != 0 || Errno(err) != 0 {
		t.Errorf("behind the end: %d bytes, %v", k, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for range 100 { // either answer is right, and none is torn
		if k, err := f.ReadAt(ended, Caller{}, buf, 20); err == nil && string(buf[:k]) != "end" || err != nil && Errno(err) != unix.EINTR {
			t.Errorf("%q, %v", buf[:k], err)
		}
	}
	// What has gone keeps its attributes, but for its owner.
	os.Chown(filepath.Join(dir, "file"), 5, 6)
	n = walk(t, overTree(t, dir, nil), "1/file")
	os.Remove(filepath.Join(dir, "file"))
	now, err := n.Refresh(ctx, Caller{})
	if err != nil {
		t.Fatal(err)
	}
	if uid, gid := now.owner(); now.Mode() != unix.S_IFREG|0o640 || uid != 0 || gid != 0 {
		t.Errorf("mode %o, owner %d:%d", now.Mode(), uid, gid)
	}
}

// What takes rights is done with the caller's.
func TestAsTheCaller(t *testing.T) {
	var asked []bool
	refused := errors.New("refused")
	tree := overTree(t, realDir(t), func(c Caller, write bool, f func() error) error {
		if c.UID != 5 {
			return f()
		}
		asked = append(asked, write)
		return refused
	})
	file, link := walk(t, tree, "1/file"), walk(t, tree, "1/dir/link")
	f, err := file.OpenReal(ctx, Caller{}, unix.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other := Caller{UID: 5}
	_, openErr := file.OpenReal(ctx, other, unix.O_RDONLY)
	_, writeErr := file.OpenReal(ctx, other, unix.O_WRONLY)
	_, linkErr := link.Readlink(ctx, other)
	_, listErr := walk(t, tree, "1").List(ctx, other)
	_, statErr := walk(t, tree, "1/dir").Lookup(ctx, other, "deep")
	_, readErr := f.ReadAt(ctx, other, make([]byte, 1), 0)
	_, wroteErr := f.WriteAt(ctx, other, []byte("x"), 0)
	for i, err := range []error{openErr, writeErr, linkErr, listErr, statErr, readErr, wroteErr} {
		if !errors.Is(err, refused) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if want := []bool{false, true, false, false, false, false, true}; !slices.Equal(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
}
