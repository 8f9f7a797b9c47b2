// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/objects"
)

// Only who may load BPF programs may write, whatever its user id.
func TestWhoMayLoad(t *testing.T) {
	m := newMount(t)
	m.mustPut(t, "variables")
	object := objects.Read(t, "task")
	writes := map[string]func() error{
		"create":    func() error { return os.WriteFile(m.path("iters/it.o"), object, 0o600) },
		"overwrite": func() error { return os.WriteFile(m.path("iters/variables.bpf.o"), object, 0o600) },
		"set":       func() error { return os.WriteFile(m.path("iters/variables/vars/color"), []byte("1"), 0) },
		"remove":    func() error { return os.Remove(m.path("iters/variables.bpf.o")) },
	}
	const admin, perfmon, bpf = unix.CAP_SYS_ADMIN, unix.CAP_PERFMON, unix.CAP_BPF
	for name, write := range writes {
		for _, missing := range [][]int{{admin, perfmon, bpf}, {admin, bpf}, {admin, perfmon}} {
			if err := without(t, write, missing...); !errors.Is(err, unix.EPERM) {
				t.Errorf("%s without %v: %v", name, missing, err)
			}
		}
	}
	if got := m.read(t, "iters/variables/vars/color"); got != "16711680\n" {
		t.Errorf("color is %q", got)
	}
	for _, spare := range [][]int{{admin}, {perfmon, bpf}} {
		for _, name := range []string{"create", "set"} {
			if err := without(t, writes[name], spare...); err != nil {
				t.Errorf("%s without %v: %v", name, spare, err)
			}
		}
	}
	read := func() error {
		_, err := os.ReadFile(m.path("iters/it/dump_task"))
		return err
	}
	if err := without(t, read, admin, perfmon, bpf); err != nil {
		t.Errorf("read: %v", err)
	}
}

// Root in a user namespace of its own has every capability there, and none here.
func TestUserNamespaceMayNotLoad(t *testing.T) {
	m := newMount(t)
	script := `grep -q 'CapEff:.*ff$' /proc/self/status && echo inside && cp "$0" "$1"`
	source := t.TempDir() + "/task.bpf.o"
	if err := os.WriteFile(source, objects.Read(t, "task"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", script, source, m.path("iters/"))
	cmd.SysProcAttr = &unix.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
	}
	out, errs, status := output(t, cmd)
	if out != "inside\n" || status == 0 || !strings.Contains(errs, "not permitted") {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
}

// All but iters/ is read-only, also for root.
func TestReadOnlyElsewhere(t *testing.T) {
	m := newMount(t)
	m.mustPut(t, "task")
	write := func(path string, flags int) error {
		f, err := os.OpenFile(m.path(path), flags, 0o600)
		if err == nil {
			f.Close()
		}
		return err
	}
	for what, test := range map[string]struct{ err, want error }{
		"create":             {write("new", os.O_CREATE|os.O_WRONLY), unix.EROFS},
		"create in tasks":    {write("tasks/new", os.O_CREATE|os.O_RDWR), unix.EROFS},
		"write":              {write("README", os.O_WRONLY), unix.EROFS},
		"truncate":           {write("tasks/table", os.O_RDWR|os.O_TRUNC), unix.EROFS},
		"truncate by path":   {os.Truncate(m.path("tasks/table"), 0), unix.EROFS},
		"write to a program": {write("iters/task/dump_task", os.O_WRONLY), unix.EROFS},
		"create beside it":   {write("iters/task/new", os.O_CREATE|os.O_WRONLY), unix.EROFS},
		"remove":             {os.Remove(m.path("README")), unix.EROFS},
		"remove a program":   {os.Remove(m.path("iters/task/dump_task")), unix.EROFS},
		"remove errors":      {os.Remove(m.path("iters/errors")), unix.EROFS},
		"chmod":              {os.Chmod(m.path("README"), 0o666), unix.EROFS},
		"mkdir":              {os.Mkdir(m.path("new"), 0o700), unix.EROFS},
		"mkdir in iters":     {os.Mkdir(m.path("iters/new"), 0o700), unix.EPERM},
		"rmdir":              {unix.Rmdir(m.path("tasks")), unix.EROFS},
		"rmdir an object":    {unix.Rmdir(m.path("iters/task")), unix.EPERM},
		"rename":             {os.Rename(m.path("README"), m.path("new")), unix.EROFS},
		"link":               {os.Link(m.path("iters/task.bpf.o"), m.path("iters/new.o")), unix.EPERM},
		"symlink":            {os.Symlink("x", m.path("new")), unix.EROFS},
		"truncate an object": {os.Truncate(m.path("iters/task.bpf.o"), 0), unix.EINVAL},
		"write to a dir":     {write("iters/task", os.O_WRONLY), unix.EISDIR},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", what, test.err, test.want)
		}
	}
	for path, want := range map[string]os.FileMode{
		"iters": os.ModeDir | 0o700, "iters/task.bpf.o": 0o600, "iters/task": os.ModeDir | 0o500, "iters/task/dump_task": 0o400,
		"tasks/self/iters": os.ModeDir | 0o500, "tasks/self/iters/task/dump_task": 0o400,
	} {
		info, err := os.Stat(m.path(path))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}
