// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/objects"
)

func TestItersVariables(t *testing.T) {
	m := newMount(t)
	m.mustPut(t, "variables")
	set := func(name, text string) error {
		return os.WriteFile(m.path("iters/variables/vars/"+name), []byte(text), 0)
	}
	if names := strings.Join(list(t, m.path("iters/variables/vars")), " "); names != "color label level limit loud only_pid pair prefix runs small" {
		t.Errorf("variables %s", names)
	}
	pid := strconv.Itoa(os.Getpid())
	for name, text := range map[string]string{"only_pid": pid + "\n", "color": "0xff\n", "level": "HIGH\n", "label": "x", "loud": "true\n"} {
		if err := set(name, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, want := m.read(t, "iters/variables/show"), "row "+pid+" 1099511627776 1 7 -5 ff x 1:2 1 1\n"; got != want {
		t.Errorf("the program says %q, want %q", got, want)
	}
	if got := m.read(t, "iters/variables/vars/runs") + m.read(t, "iters/variables/vars/level"); got != "1\nHIGH\n" {
		t.Errorf("runs and level are %q", got)
	}
	for name, test := range map[string]struct {
		text string
		want unix.Errno
	}{"only_pid": {"me", unix.EINVAL}, "small": {"1000", unix.ERANGE}, "prefix": {"too long a text", unix.ERANGE}, "none": {"1", unix.ENOENT}} {
		if err := set(name, test.text); !errors.Is(err, test.want) {
			t.Errorf("%s=%s: %v, want %v", name, test.text, err, test.want)
		}
	}
	// A shell tells of a write that failed, and not of a close.
	out, err := exec.Command("/bin/sh", "-c", `echo nonsense >"$0"`, m.path("iters/variables/vars/color")).CombinedOutput()
	if err == nil {
		t.Errorf("echo nonsense: %v, %q", err, out)
	}
}

func TestMountOptionIters(t *testing.T) {
	need.Root(t)
	from, dir := t.TempDir(), t.TempDir()
	for _, name := range []string{"task", "refused"} {
		if err := os.WriteFile(filepath.Join(from, name+".bpf.o"), objects.Read(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary, "mount", "--daemon", "-o", "iters="+filepath.Base(from), dir)
	cmd.Dir = filepath.Dir(from)
	if _, errs, status := output(t, cmd); status != 0 {
		t.Fatalf("status %d, %q", status, errs)
	}
	m := &mount{dir: dir}
	t.Cleanup(func() { iterfs(t, "umount", dir) })
	if got := m.status(t, "object"); len(got) != 1 || got[0] != "task.bpf.o 2 programs" {
		t.Errorf("objects in status: %q", got)
	}
	if got := m.status(t, "object_failures"); len(got) != 1 || got[0] != "1" {
		t.Errorf("failures in status: %q", got)
	}
	if text := m.read(t, "iters/task/dump_task"); !strings.Contains(text, "=== END ===\n") {
		t.Errorf("output %q", text)
	}
	if text := m.read(t, "iters/errors"); !strings.Contains(text, "==> refused.bpf.o: EACCES") {
		t.Errorf("errors %q", text)
	}
}

func TestMountOptions(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	for _, test := range []struct {
		option string
		status int
		words  []string
	}{
		{"nonsense=1", 2, []string{`"nonsense"`, "iters=DIR"}},
		{"iters", 2, []string{"iters=DIR"}},
		{"iters=", 2, []string{"iters=DIR"}},
		{"iters=/,", 2, []string{"iters=DIR"}},
		{"iters=" + dir + "/missing", 1, []string{"missing", "no such file"}},
	} {
		_, errs, status := iterfs(t, "mount", "-o", test.option, dir)
		for _, word := range test.words {
			if status != test.status || !strings.Contains(errs, word) {
				t.Errorf("-o %s: status %d, %q, want status %d and %q", test.option, status, errs, test.status, word)
			}
		}
	}
}

func TestPin(t *testing.T) {
	need.Iterator(t, "bpf_map_elem")
	p := newPinner(t)
	file := filepath.Join(t.TempDir(), "task.bpf.o")
	if err := os.WriteFile(file, objects.Read(t, "task"), 0o600); err != nil {
		t.Fatal(err)
	}
	elements := filepath.Join(t.TempDir(), "map_elem.bpf.o")
	if err := os.WriteFile(elements, objects.Read(t, "map_elem"), 0o600); err != nil {
		t.Fatal(err)
	}
	if canNarrow() {
		pid := os.Getpid()
		if out, errs, status := iterfs(t, "pin", "--pid", strconv.Itoa(pid), file+":dump_task", p.dir+"/one"); status != 0 || out+errs != "" {
			t.Fatalf("status %d, %q, %q", status, out, errs)
		}
		text := readFile(t, p.dir+"/one")
		if all := lines(text, []int{pid}); all != text || !strings.Contains(text, strconv.Itoa(pid)) {
			t.Errorf("pinned for one process, it tells %q", text)
		}
	}
	for _, test := range []struct {
		args  []string
		words []string
	}{
		{[]string{file, p.dir + "/x"}, []string{"which program", "task.bpf.o:dump_task,", "task.bpf.o:dump_task_stack"}},
		{[]string{file + ":nothing", p.dir + "/x"}, []string{"which program", ":dump_task"}},
		{[]string{file + ".none", p.dir + "/x"}, []string{"no such file"}},
		{[]string{file + ":dump_task", t.TempDir() + "/x"}, []string{"not on a bpf filesystem"}},
		{[]string{elements, p.dir + "/x"}, []string{"dump_map_elem", "--map"}},
		{[]string{"--map", "4294967295", elements, p.dir + "/x"}, []string{"map 4294967295"}},
	} {
		out, errs, status := iterfs(t, append([]string{"pin"}, test.args...)...)
		if status != 1 || out != "" || !oneLine(errs, test.words...) {
			t.Errorf("%q: status %d, %q, %q, want %q", test.args, status, out, errs, test.words)
		}
	}
}
