// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// readToError reads as cat does, and returns what came before an error.
func readToError(t testing.TB, path string) (text []byte, err error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for buf := make([]byte, 128<<10); ; {
		n, err := f.Read(buf)
		text = append(text, buf[:n]...)
		if err == io.EOF {
			return text, nil
		}
		if err != nil {
			return text, err
		}
	}
}

// What a program does at the kernel's limits reaches the reader: all of its
// output, then an errno, and never an end that is none.
func TestItersAtTheLimits(t *testing.T) {
	m := newMount(t)
	m.mustPut(t, "hostile")
	tasks := strings.Count(m.read(t, "tasks/threads"), "\n")

	if text, err := readToError(t, m.path("iters/hostile/again_for_ever")); !errors.Is(err, unix.EDEADLK) || len(text) > 0 {
		t.Errorf("a program that asks for ever for one object: %d bytes, %v", len(text), err)
	}
	text, err := readToError(t, m.path("iters/hostile/too_large"))
	if !errors.Is(err, unix.E2BIG) || strings.Count(string(text), "\n") != 3 {
		t.Errorf("an object that the buffer does not hold: %q, %v", text, err)
	}
	text, err = readToError(t, m.path("iters/hostile/large"))
	if n := len(text) / 32767; err != nil || len(text)%32767 != 0 || n < tasks/2 {
		t.Errorf("objects of 32767 bytes: %d bytes, %v", len(text), err)
	}
	text, err = readToError(t, m.path("iters/hostile/again_once"))
	if n := strings.Count(string(text), "\n"); err != nil || n < tasks/2 {
		t.Errorf("a program that asks once for each of %d objects: %d lines, %v", tasks, n, err)
	}
	failures := m.read(t, "iters/errors")
	for _, want := range []string{"==> hostile/again_for_ever: EDEADLK ", "same object again", "==> hostile/too_large: E2BIG ", "32768 bytes"} {
		if !strings.Contains(failures, want) {
			t.Errorf("no %q in iters/errors:\n%s", want, failures)
		}
	}
}

// The kernel ends a read after a million objects without output: not the reader's.
func TestSilentProgram(t *testing.T) {
	need.Iterator(t, "bpf_map_elem")
	m := newMount(t)
	m.mustPut(t, "silent")
	many := newMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 2_500_000})
	if text, err := readToError(t, m.path("maps/"+mapID(t, many)+"/iters/silent/silent")); err != nil || string(text) != "end\n" {
		t.Errorf("%q, %v", text, err)
	}
}

// Interrupting the reader of an endless program ends it.
func TestInterruptedReader(t *testing.T) {
	m := newMount(t)
	m.mustPut(t, "hostile")
	before := links(t)
	f, err := os.Open(m.path("iters/hostile/large"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	eventually(t, func() bool { return len(linksSince(t, before)) == 0 }, "a link is left")
	m.settles(t)
}
