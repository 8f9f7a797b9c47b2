// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"bytes"
	"context"
	"io"
	"iter"
	"maps"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// shelf is a directory that files can be put into: their contents by name.
type shelf map[string]string

const shelfLimit = 100

func (s shelf) entries() []Entry {
	open := func(_ context.Context, r Request) (Stream, error) {
		return Text([]byte(s[r.Objects[len(r.Objects)-1].Name])), nil
	}
	write := func(_ context.Context, r Request) (Sink, error) {
		return func(_ context.Context, content []byte) error {
			if bytes.HasPrefix(content, []byte("bad")) {
				return unix.ENOEXEC
			}
			s[r.Objects[len(r.Objects)-1].Name] = string(content)
			return nil
		}, nil
	}
	return []Entry{
		{Path: "shelf", Dir: true, Private: true},
		{Path: "shelf/fixed", Open: open},
		{
			Path: "shelf/<file>", Lasting: true, Open: open, Write: write, Collect: shelfLimit,
			Objects: func(context.Context, Request, string) iter.Seq2[Object, error] {
				return func(yield func(Object, error) bool) {
					more := yield(Object{Name: "dir", Dir: true}, nil)
					for _, name := range slices.Sorted(maps.Keys(s)) {
						more = more && yield(Object{Name: name, Size: uint64(len(s[name]))}, nil)
					}
				}
			},
			Create: func(_ context.Context, _ Request, name string) (Object, error) {
				if name == "refused" {
					return Object{}, unix.EINVAL
				}
				return Object{Name: name}, nil
			},
			Remove: func(_ context.Context, r Request) error {
				delete(s, r.Objects[0].Name)
				return nil
			},
		},
		{Path: "shelf/<file>/value", Open: open, Write: write},
		{Path: "shelf/<file>/values/<n>", Objects: numbers(2, new(uint64)), Open: open, Write: write},
		{Path: "<n>", Objects: numbers(2, new(uint64))},
		{Path: "<n>/shelf", Dir: true, Private: true},
	}
}

func walk(t *testing.T, tree *Tree, path string) *Node {
	t.Helper()
	n, err := tree.Walk(ctx, Caller{}, path)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func writeAt(t *testing.T, w *Writer, text string, off int64) {
	t.Helper()
	if err := w.WriteAt(ctx, []byte(text), off); err != nil {
		t.Fatal(err)
	}
}

func TestCreate(t *testing.T) {
	s := shelf{}
	tree := New(s.entries())
	dir := walk(t, tree, "shelf")
	n, w, err := dir.Create(ctx, Caller{}, "new")
	if err != nil {
		t.Fatal(err)
	}
	if n.Path() != "/shelf/new" || n.Mode() != unix.S_IFREG|0o600 {
		t.Errorf("%s has mode %o", n.Path(), n.Mode())
	}
	writeAt(t, w, "world", 6)
	writeAt(t, w, "hello", 0)
	if _, err := dir.Lookup(ctx, Caller{}, "new"); err != unix.ENOENT {
		t.Errorf("it is there before it is complete: %v", err)
	}
	if err := w.Flush(ctx); err != nil || s["new"] != "hello\x00world" {
		t.Errorf("%q, %v", s["new"], err)
	}
	if found := walk(t, tree, "shelf/new"); found.object.Size != 11 {
		t.Errorf("%d bytes", found.object.Size)
	}
	writeAt(t, w, "!", atEnd)
	if err := w.Flush(ctx); err != nil || s["new"] != "hello\x00world!" {
		t.Errorf("written on after a close: %q, %v", s["new"], err)
	}
	if _, _, err := dir.Create(ctx, Caller{}, "refused"); err != unix.EINVAL {
		t.Errorf("a name that is refused: %v", err)
	}
}

// What the sink refuses is told at each close, and what was there stays.
func TestRefusedContent(t *testing.T) {
	s := shelf{"file": "old"}
	n := walk(t, New(s.entries()), "shelf/file")
	w, err := n.OpenWriter(ctx, Caller{}, true)
	if err != nil {
		t.Fatal(err)
	}
	writeAt(t, w, "bad", 0)
	for range 2 {
		if err := w.Flush(ctx); err != unix.ENOEXEC || s["file"] != "old" {
			t.Errorf("%v, and the file is %q", err, s["file"])
		}
	}
	writeAt(t, w, "good", 0)
	if err := w.Flush(ctx); err != nil || s["file"] != "good" {
		t.Errorf("%v, and the file is %q", err, s["file"])
	}
}

func TestRewrite(t *testing.T) {
	s := shelf{"file": "old content"}
	n := walk(t, New(s.entries()), "shelf/file")
	w, err := n.OpenWriter(ctx, Caller{}, false)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 20)
	if k, err := w.ReadAt(buf, 4); err != nil || string(buf[:k]) != "content" {
		t.Errorf("it begins with %q, %v", buf[:k], err)
	}
	if _, err := w.ReadAt(buf, 11); err != io.EOF {
		t.Errorf("behind the end: %v", err)
	}
	delete(s, "file")
	if err := w.Flush(ctx); err != nil || len(s) > 0 {
		t.Errorf("a close without a write writes %q, %v", s, err)
	}
	if err := w.Truncate(3); err != nil {
		t.Fatal(err)
	}
	writeAt(t, w, "er", atEnd)
	if err := w.Flush(ctx); err != nil || s["file"] != "older" {
		t.Errorf("%q, %v", s["file"], err)
	}
}

// A content that was too large once is not taken in part.
func TestTooLarge(t *testing.T) {
	s := shelf{}
	_, w, err := walk(t, New(s.entries()), "shelf").Create(ctx, Caller{}, "new")
	if err != nil {
		t.Fatal(err)
	}
	writeAt(t, w, "x", shelfLimit-1)
	for _, err := range []error{w.WriteAt(ctx, []byte("x"), shelfLimit), w.WriteAt(ctx, []byte("x"), 0), w.Truncate(3), w.Flush(ctx)} {
		if err != unix.EFBIG || len(s) > 0 {
			t.Errorf("%v, %q", err, s)
		}
	}
}

func TestEachWriteIsAContent(t *testing.T) {
	s := shelf{}
	w, err := walk(t, New(s.entries()), "shelf/dir/value").OpenWriter(ctx, Caller{}, true)
	if err != nil {
		t.Fatal(err)
	}
	writeAt(t, w, "one", 0)
	writeAt(t, w, "two", 3)
	if err := w.WriteAt(ctx, []byte("bad"), 6); err != unix.ENOEXEC || s["dir"] != "two" {
		t.Errorf("%v, %q", err, s["dir"])
	}
}

func TestRemove(t *testing.T) {
	s := shelf{"file": "content"}
	tree := New(s.entries())
	for name, want := range map[string]error{"missing": unix.ENOENT, "dir": unix.EPERM, "fixed": unix.EROFS} {
		if err := walk(t, tree, "shelf").Remove(ctx, Caller{}, name); err != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if err := walk(t, tree, "shelf").Remove(ctx, Caller{}, "file"); err != nil || len(s) > 0 {
		t.Errorf("%v, %q", err, s)
	}
}

func TestReadOnly(t *testing.T) {
	tree := New(shelf{}.entries())
	if _, _, err := walk(t, tree, "1").Create(ctx, Caller{}, "new"); err != unix.EROFS {
		t.Errorf("create: %v", err)
	}
	if _, _, err := walk(t, tree, "shelf/dir/values").Create(ctx, Caller{}, "3"); err != unix.ENOENT {
		t.Errorf("create beside what can be written to: %v", err)
	}
	if _, err := walk(t, tree, "shelf/fixed").OpenWriter(ctx, Caller{}, true); err != unix.EROFS {
		t.Errorf("write: %v", err)
	}
	if _, err := walk(t, tree, "shelf/dir").OpenWriter(ctx, Caller{}, true); err != unix.EISDIR {
		t.Errorf("write to a directory: %v", err)
	}
}

func TestPrivate(t *testing.T) {
	tree := New(shelf{"file": ""}.entries())
	for path, want := range map[string]uint32{
		"shelf": unix.S_IFDIR | 0o700, "shelf/fixed": unix.S_IFREG | 0o400, "shelf/file": unix.S_IFREG | 0o600,
		"shelf/dir": unix.S_IFDIR | 0o500, "shelf/dir/value": unix.S_IFREG | 0o600, "1/shelf": unix.S_IFDIR | 0o500,
	} {
		n := walk(t, tree, path)
		if uid, _ := n.owner(); n.Mode() != want || uid != 0 {
			t.Errorf("%s: mode %o of user %d, want %o", path, n.Mode(), uid, want)
		}
		if n.Static() == (path == "1/shelf") {
			t.Errorf("%s: static is %v", path, n.Static())
		}
	}
}
