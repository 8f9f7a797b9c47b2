// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// perDirectory is how many directories of one below the root are looked into.
const perDirectory = 3

// unreadable are the errors of files that exist and that not every object has a
// content for: it has gone, or is of a kind that cannot be read.
func unreadable(err error) bool {
	return errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP)
}

// Whatever is in the tree can be read; what has a twin is a table, and the twin
// has its columns.
func TestEveryFile(t *testing.T) {
	m := newMount(t)
	read := func(path string) (string, bool) {
		content, err := os.ReadFile(path)
		if err != nil && !unreadable(err) {
			t.Errorf("%s: %v", path, err)
		}
		return string(content), err == nil
	}
	isProcessFile := func(path string) bool {
		name, ok := strings.CutPrefix(path, m.path("tasks")+"/")
		_, err := os.Lstat(filepath.Join("/proc", name))
		return ok && strings.Contains(name, "/") && err == nil
	}
	files, tables := 0, 0
	var walk func(dir string)
	walk = func(dir string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			if !unreadable(err) {
				t.Errorf("list %s: %v", dir, err)
			}
			return
		}
		objects := 0
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			switch {
			case path == m.path("proc") || isProcessFile(path): // the kernel's files, of which some never end
			case e.IsDir():
				if objects++; objects <= perDirectory || dir == m.dir {
					walk(path)
				}
			case e.Type() == iofs.ModeSymlink || strings.HasSuffix(path, ".json"):
			default:
				files++
				content, ok := read(path)
				if !slices.ContainsFunc(entries, func(twin os.DirEntry) bool { return twin.Name() == e.Name()+".json" }) {
					continue
				}
				if twin, also := read(path + ".json"); ok && also && !strings.Contains(content, ":\t") {
					tables++
					checkTwins(t, path, content, twin)
				}
			}
		}
	}
	walk(m.dir)
	if files < 10 || tables < 3 {
		t.Errorf("only %d files, %d tables", files, tables)
	}
}

// checkTwins checks each row of a table, and that its twin has the same columns.
func checkTwins(t *testing.T, path, text, twin string) {
	t.Helper()
	header, _, _ := strings.Cut(text, "\n")
	columns := strings.Fields(header)
	table(t, text)
	if slices.Equal(columns, []string{"KEY", "CPU", "VALUE"}) {
		columns = []string{"KEY", "VALUES"} // a per-CPU map: an object an element, with a list
	}
	for i, c := range columns {
		if c != strings.ToUpper(c) {
			t.Errorf("%s: column %q is not upper-case", path, c)
		}
		columns[i] = strings.ToLower(c)
	}
	for line := range strings.Lines(twin) {
		if got := keys(t, line); !slices.Equal(got, columns) {
			t.Fatalf("%s.json has the keys %q, the table %q", path, got, columns)
		}
	}
}

// keys returns those of a JSON object, in order.
func keys(t *testing.T, line string) (names []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(line)))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		t.Fatalf("not an object: %v, %s", err, line)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		names = append(names, name.(string))
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
	}
	return names
}

// The README of the tree names what is there.
func TestReadmeIsTrue(t *testing.T) {
	m := newMount(t)
	named := 0
	for line := range strings.Lines(m.read(t, "README")) {
		path, _, _ := strings.Cut(line, " ")
		if !strings.Contains(path, "/") || strings.Contains(path, "<") {
			continue
		}
		named++
		if _, err := os.Lstat(m.path(path)); err != nil {
			t.Errorf("README names %s: %v", path, err)
		}
	}
	if named < 4 {
		t.Errorf("README names only %d files", named)
	}
}
