// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/loader"
	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/objects"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	need.Root(t)
	l := loader.New()
	s := NewStore(l)
	t.Cleanup(func() { s.Close(); l.Close() })
	return s
}

func mustPut(t *testing.T, s *Store, name string) *Object {
	t.Helper()
	if err := s.Put(name+".bpf.o", objects.Read(t, name)); err != nil {
		t.Fatal(err)
	}
	return s.Object(name)
}

// read runs a program and returns its output.
func read(t *testing.T, o *Object, program string) string {
	t.Helper()
	run, err := o.Run(program, bpf.Params{})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	return drain(t, run)
}

func drain(t *testing.T, run *loader.Stream) string {
	t.Helper()
	var text strings.Builder
	for {
		b, err := run.Next(context.Background())
		text.Write(b)
		if err == io.EOF {
			return text.String()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// held is what this process holds of BPF, by descriptor or mapping.
func held(t *testing.T) (what []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if target, _ := os.Readlink("/proc/self/fd/" + e.Name()); strings.HasPrefix(target, "anon_inode:bpf") {
			what = append(what, target)
		}
	}
	mappings, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mappings)) {
		if strings.Contains(line, "bpf-map") {
			what = append(what, line)
		}
	}
	return what
}

func TestNames(t *testing.T) {
	for file, want := range map[string]string{"my.bpf.o": "my", "my.o": "my", "my.x.o": "my.x", "ä b.o": "ä b", "o.o": "o"} {
		if name, err := Name(file); name != want || err != nil {
			t.Errorf("%q: %q, %v", file, name, err)
		}
	}
	for file, want := range map[string]error{
		"my": unix.EINVAL, ".o": unix.EINVAL, ".bpf.o": unix.EINVAL, "..o": unix.EINVAL, "...o": unix.EINVAL, "x.o.o": unix.EINVAL,
		".my.o": unix.EINVAL, "my\n.o": unix.EINVAL, "a/b.o": unix.EINVAL, "\x7f.o": unix.EINVAL,
		strings.Repeat("x", 254) + ".o": unix.ENAMETOOLONG,
	} {
		if name, err := Name(file); !errors.Is(err, want) {
			t.Errorf("%q: %q, %v, want %v", file, name, err, want)
		}
	}
}

func TestPutAndRemove(t *testing.T) {
	s := newStore(t)
	o := mustPut(t, s, "task")
	if len(o.Programs) != 2 || *o.Program("dump_task") != (Program{"dump_task", "task"}) {
		t.Errorf("programs %v", o.Programs)
	}
	if text := read(t, o, "dump_task"); !strings.HasPrefix(text, "    tgid      gid\n") || !strings.Contains(text, "    === END ===\n") {
		t.Errorf("output %q", text)
	}
	if err := s.Check("task.o"); !errors.Is(err, unix.EEXIST) {
		t.Errorf("a second file of one name: %v", err)
	}
	if err := s.Remove("task.o"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("removing a file that is not there: %v", err)
	}
	run, err := o.Run("dump_task", bpf.Params{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Remove("task.bpf.o"); err != nil {
		t.Fatal(err)
	}
	if text := drain(t, run); !strings.Contains(text, "=== END ===\n") {
		t.Errorf("a run that outlives its object gives %q", text)
	}
	run.Close()
	if _, err := o.Run("dump_task", bpf.Params{}); !errors.Is(err, unix.ENOENT) {
		t.Errorf("running a removed object: %v", err)
	}
	if what := held(t); len(what) > 0 {
		t.Errorf("a removed object leaves %q", what)
	}
}

func TestReplace(t *testing.T) {
	s := newStore(t)
	if err := s.Put("it.o", objects.Read(t, "variables")); err != nil {
		t.Fatal(err)
	}
	before := s.Object("it")
	run, err := before.Run("show", bpf.Params{})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	for _, bad := range []string{"refused", "absent", "no_iterator", "endless"} {
		if err := s.Put("it.o", objects.Read(t, bad)); err == nil || s.Object("it") != before {
			t.Fatalf("%s: %v", bad, err)
		}
	}
	if err := s.Put("it.o", objects.Read(t, "task")); err != nil {
		t.Fatal(err)
	}
	if now := s.Object("it"); now.Program("dump_task") == nil || now.Birth == before.Birth {
		t.Error("not replaced")
	}
	if text := drain(t, run); !strings.HasPrefix(text, "row ") {
		t.Errorf("a run of the object that was replaced gives %q", text)
	}
}

func TestRefusals(t *testing.T) {
	s := newStore(t)
	for _, test := range []struct {
		name  string
		errno unix.Errno
		words []string
	}{
		{"refused", unix.EACCES, []string{"==> refused.bpf.o: EACCES", "program refused", "invalid mem access", "return ctx->task->pid & 1"}},
		{"endless", unix.EACCES, []string{"program endless", "too large"}},
		{"absent", unix.EOPNOTSUPP, []string{"no_such_thing"}},
		{"no_iterator", unix.ENOEXEC, []string{`"iter/..."`}},
	} {
		err := s.Put(test.name+".bpf.o", objects.Read(t, test.name))
		if !errors.Is(err, test.errno) {
			t.Errorf("%s: %v, want %v", test.name, err, test.errno)
		}
		failures := string(s.Failures.Append(nil))
		failures = failures[strings.LastIndex(failures, "==> "):]
		for _, word := range test.words {
			if !strings.Contains(failures, word) {
				t.Errorf("%s: no %q in\n%s", test.name, word, failures)
			}
		}
	}
	if what := held(t); len(what) > 0 {
		t.Errorf("objects that were not loaded leave %q", what)
	}
}

func TestFailuresAreBounded(t *testing.T) {
	s := newStore(t)
	for range 3 * maxFailures {
		if err := s.Put("x.o", []byte("garbage")); !errors.Is(err, unix.ENOEXEC) {
			t.Fatal(err)
		}
	}
	s.Put("x.o", nil)
	if n := strings.Count(string(s.Failures.Append(nil)), "==> x.o: ENOEXEC"); n != maxFailures || s.Failures.Count() != 3*maxFailures {
		t.Errorf("%d failures are kept of %d", n, s.Failures.Count())
	}
}

func TestLoadDir(t *testing.T) {
	s := newStore(t)
	dir := t.TempDir()
	for _, name := range []string{"udp", "refused", "bpf_map"} {
		if err := os.WriteFile(filepath.Join(dir, name+".bpf.o"), objects.Read(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "README"), MaxSize+1); err != nil {
		t.Fatal(err)
	}
	os.Link(filepath.Join(dir, "README"), filepath.Join(dir, "huge.o"))
	os.Mkdir(filepath.Join(dir, "dir.o"), 0o700)
	os.Symlink("nowhere", filepath.Join(dir, "dangling.o"))
	if err := s.LoadDir(dir); err != nil {
		t.Fatal(err)
	}
	if s.Object("udp") == nil || s.Object("bpf_map") == nil || len(s.Objects()) != 2 || s.Failures.Count() != 4 {
		t.Errorf("%d objects, %s", len(s.Objects()), s.Failures.Append(nil))
	}
	if err := s.LoadDir(filepath.Join(dir, "missing")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
