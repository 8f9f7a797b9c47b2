// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/objects"
)

// isLoaded reports whether a program of a name is in the kernel.
func isLoaded(t testing.TB, name string) bool {
	t.Helper()
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, os.ErrNotExist) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		id = next
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // it has gone
		}
		info, err := p.Info()
		p.Close()
		if err == nil && info.Name == name {
			return true
		}
	}
}

// However a file gets there, it is loaded when it is closed.
func TestWaysToCopy(t *testing.T) {
	need.Iterator(t, "bpf_map_elem")
	m := newMount(t)
	source := filepath.Join(t.TempDir(), "map_elem.bpf.o")
	if err := os.WriteFile(source, objects.Read(t, "map_elem"), 0o644); err != nil {
		t.Fatal(err)
	}
	into := m.path("iters/it.o")
	for _, script := range []string{
		"cp $0 $1", "cp -p $0 $1", "cat $0 >$1", "dd if=$0 of=$1 bs=77 status=none", "tee $1 <$0 >/dev/null",
		"cp $0 $0.copy && mv $0.copy $1", "{ head -c 1000 $0; tail -c +1001 $0; } >$1", "head -c 1000 $0 >$1; tail -c +1001 $0 >>$1.none || cp $0 $1",
		"install $0 $1", "rsync --inplace $0 $1",
	} {
		tool, _, _ := strings.Cut(script, " ")
		if _, err := exec.LookPath(tool); err != nil && tool != "{" {
			t.Logf("no %s", tool)
			continue
		}
		if out, err := exec.Command("/bin/sh", "-c", script, source, into).CombinedOutput(); err != nil {
			t.Errorf("%s: %v, %s", script, err, out)
			continue
		}
		if got := m.read(t, "iters/it.o"); got != string(objects.Read(t, "map_elem")) {
			t.Errorf("%s: %d bytes arrived", script, len(got))
		}
		if names := list(t, m.path("iters/it")); !slices.Equal(names, []string{"dump_map_elem", "vars"}) {
			t.Errorf("%s: iters/it has %q", script, names)
		}
		if err := os.Remove(into); err != nil {
			t.Errorf("%s: remove: %v", script, err)
		}
		if names := list(t, m.path("iters")); !slices.Equal(names, []string{"errors", "pinned"}) {
			t.Errorf("%s: iters has %q", script, names)
		}
		if _, err := os.Stat(m.path("iters/it")); !errors.Is(err, unix.ENOENT) {
			t.Errorf("%s: the directory of a removed object: %v", script, err)
		}
	}
	eventually(t, func() bool { return !isLoaded(t, "dump_map_elem") }, "a removed object's program is in the kernel")
}

// Two writers of one name: the one that closes last wins, whole.
func TestTwoWriters(t *testing.T) {
	m := newMount(t)
	first, second := objects.Read(t, "task"), objects.Read(t, "bpf_map")
	a, err := os.Create(m.path("iters/it.o"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.Create(m.path("iters/it.o"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < max(len(first), len(second)); i += 500 {
		a.Write(first[min(i, len(first)):min(i+500, len(first))])
		b.Write(second[min(i, len(second)):min(i+500, len(second))])
	}
	for _, step := range []struct {
		f    *os.File
		want string
	}{{b, "dump_bpf_map"}, {a, "dump_task"}} {
		if err := step.f.Close(); err != nil {
			t.Fatal(err)
		}
		if names := list(t, m.path("iters/it")); names[0] != step.want {
			t.Errorf("iters/it has %q, want %s", names, step.want)
		}
	}
	if _, err := os.OpenFile(m.path("iters/it.o"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); !errors.Is(err, unix.EEXIST) {
		t.Errorf("to create what exists: %v", err)
	}
}

// A reader keeps what it reads: through an overwrite, and through a removal.
func TestReadersKeepTheirs(t *testing.T) {
	m := newMount(t)
	someMaps(t)
	m.mustPut(t, "bpf_map")
	want := m.read(t, "iters/bpf_map/dump_bpf_map")
	reader, err := os.Open(m.path("iters/bpf_map/dump_bpf_map"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := os.WriteFile(m.path("iters/bpf_map.bpf.o"), objects.Read(t, "task"), 0o600); err != nil {
		t.Fatal(err)
	}
	if names := list(t, m.path("iters/bpf_map")); !slices.Contains(names, "dump_task") {
		t.Errorf("not replaced: %q", names)
	}
	if _, err := os.Stat(m.path("iters/bpf_map/dump_bpf_map")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the program that was replaced: %v", err)
	}
	if !isLoaded(t, "dump_bpf_map") {
		t.Error("unloaded under its reader")
	}
	buf := make([]byte, len(want))
	if n, err := reader.Read(buf); n == 0 || err != nil || !bytes.Contains(buf, []byte("some_hash")) {
		t.Errorf("the reader has %d bytes, %v", n, err)
	}
	if _, err := reader.ReadAt(buf, 0); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a rewind: %v", err)
	}
	reader.Close()
	eventually(t, func() bool { return !isLoaded(t, "dump_bpf_map") }, "still loaded after its last reader")
}

func TestRsyncAndOthersThatRename(t *testing.T) {
	need.Root(t)
	m := newMount(t)
	m.mustPut(t, "task")
	if err := os.Rename(m.path("iters/task.bpf.o"), m.path("iters/it.o")); !errors.Is(err, unix.EXDEV) {
		t.Errorf("rename: %v", err)
	}
	if out, err := exec.Command("mv", m.path("iters/task.bpf.o"), m.path("iters/it.o")).CombinedOutput(); err != nil {
		t.Errorf("mv: %v, %s", err, out)
	}
	if names := list(t, m.path("iters")); !slices.Equal(names, []string{"errors", "it", "it.o", "pinned"}) {
		t.Errorf("iters has %q", names)
	}
}
