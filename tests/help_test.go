// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

func eventually(t testing.TB, what func() bool, complaint string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !what(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
	}
}

func list(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// mountsAt lists what is mounted on a directory and below, for this thread.
func mountsAt(t testing.TB, dir string) (mounts []string) {
	t.Helper()
	table, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		at := strings.Fields(line)[4]
		if at == dir || strings.HasPrefix(at, dir+"/") {
			_, kind, _ := strings.Cut(line, " - ")
			mounts = append(mounts, at+" "+strings.Fields(kind)[0])
		}
	}
	slices.Sort(mounts)
	return mounts
}

func isMounted(t testing.TB, dir string) bool { t.Helper(); return len(mountsAt(t, dir)) > 0 }

// persistently runs a check of a live system until it has no complaints, and
// fails with those of the last run. What is wrong is so every time; what happens
// to move between two readings is not.
func persistently(t *testing.T, check func() (complaints []string)) {
	t.Helper()
	var complaints []string
	for range 8 {
		if complaints = check(); len(complaints) == 0 {
			return
		}
	}
	for _, c := range complaints {
		t.Error(c)
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readIn(t testing.TB, path string, size int) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got []byte
	for buf := make([]byte, size); ; {
		n, err := f.Read(buf)
		got = append(got, buf[:n]...)
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func readSome(file string, n int64) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, n))
	return string(text), err
}

// needTarget skips a test where the kernel lacks an iterator, once the tree has
// been seen to do without.
func needTarget(t *testing.T, m *mount, name, path string) {
	t.Helper()
	if kernelHas(t, "bpf_iter__"+name) {
		return
	}
	if _, err := os.Stat(m.path(path)); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the kernel has no iter/%s, and %s is there: %v", name, path, err)
	}
	if !slices.ContainsFunc(m.status(t, "target"), func(s string) bool { return strings.HasPrefix(s, name+" absent: ") }) {
		t.Errorf("status does not say that %s is absent", name)
	}
	t.Skipf("this kernel has no iter/%s", name)
}

// table splits a table into rows by the names of its columns.
func table(t testing.TB, text string) (rows []map[string]string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	names := strings.Fields(lines[0])
	for _, line := range lines[1:] {
		values := strings.Fields(line)
		if len(values) != len(names) {
			t.Fatalf("%d values for %d columns: %q", len(values), len(names), line)
		}
		row := map[string]string{}
		for i, name := range names {
			row[name] = values[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// kernelHas reports whether the running kernel has a type or function.
func kernelHas(t testing.TB, name string) bool {
	t.Helper()
	types, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	_, err = types.AnyTypeByName(name)
	return !errors.Is(err, btf.ErrNotFound)
}

// rowOf is the row of a process in the text of a table; nil where there is none.
func rowOf(t testing.TB, text, pid string) map[string]string {
	t.Helper()
	for _, row := range table(t, text) {
		if row["PID"] == pid {
			return row
		}
	}
	return nil
}
