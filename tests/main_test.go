// SPDX-License-Identifier: Apache-2.0

// Package tests runs iterfs as a user does: the real program, mounted, against
// the kernel's own answers. No test needs more than Go and root; those that
// compare with another tool say so.
package tests

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/procdiff"
	"github.com/iterfs/iterfs/tests/zoo"
)

// binary is the program under test: $ITERFS_BIN, or built for this run.
var binary string

func TestMain(m *testing.M) {
	zoo.Init() // an animal does not return
	procdiff.Init()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if binary = os.Getenv("ITERFS_BIN"); binary == "" {
		dir, err := os.MkdirTemp("", "iterfs-test")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		// Some tests run it as another user.
		if err := os.Chmod(dir, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		binary = filepath.Join(dir, "iterfs")
		if out, err := exec.Command("go", "build", "-o", binary, "../cmd/iterfs").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build iterfs: %v\n%s", err, out)
			return 1
		}
	}
	// The tests make maps, which kernels before 5.11 count as locked memory.
	if err := rlimit.RemoveMemlock(); err != nil && os.Geteuid() == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	others := ownMounts() // of another run of tests
	status := zoo.Run(m)
	left := slices.DeleteFunc(ownMounts(), func(dir string) bool { return slices.Contains(others, dir) })
	if len(left) > 0 {
		fmt.Fprintf(os.Stderr, "mounts outlive the tests: %q\n", left)
		return 1
	}
	return status
}

// ownMounts lists the mounts of iterfs below the folders that tests make.
func ownMounts() (dirs []string) {
	table, _ := os.ReadFile("/proc/self/mounts")
	for _, line := range strings.Split(string(table), "\n") {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "fuse.iterfs" && strings.Contains(f[1], os.TempDir()) {
			dirs = append(dirs, f[1])
		}
	}
	return dirs
}

// iterfs runs the program and returns what it printed and its exit status.
func iterfs(t testing.TB, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	return output(t, exec.Command(binary, args...))
}

func output(t testing.TB, cmd *exec.Cmd) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// A mount is a daemon of its own in the foreground, unmounted when the test ends.
type mount struct {
	dir string
	cmd *exec.Cmd
	log *bytes.Buffer
}

func newMount(t testing.TB, options ...string) *mount {
	t.Helper()
	return newMountAs(t, func(*exec.Cmd) {}, options...)
}

// newMountAs is one of a daemon that is started in a way of its own.
func newMountAs(t testing.TB, change func(daemon *exec.Cmd), options ...string) *mount {
	t.Helper()
	need.Root(t)
	m := &mount{dir: openDir(t), log: new(bytes.Buffer)}
	m.cmd = exec.Command(binary, append([]string{"mount", m.dir}, options...)...)
	change(m.cmd)
	m.start(t)
	return m
}

// start starts the daemon that m.cmd is.
func (m *mount) start(t testing.TB) {
	t.Helper()
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.cmd.Process.Signal(unix.SIGTERM)
		if err := m.cmd.Wait(); err != nil {
			t.Errorf("the daemon ended with %v: %s", err, m.log)
		}
		if m.log.Len() > 0 {
			t.Errorf("the daemon's log is not empty: %s", m.log)
		}
	})
	m.await(t)
}

// await returns when the tree can be used.
func (m *mount) await(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, sign := range []string{"status", "self/status"} { // of the tree; of the drop-in for /proc
			if _, err := os.Stat(m.path(sign)); err == nil {
				return
			}
		}
	}
	t.Fatalf("no tree after 30 s: %s", m.log)
}

func (m *mount) path(name string) string { return filepath.Join(m.dir, name) }

func (m *mount) read(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(m.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// counted is how often the drop-in has been asked for something, or has done it, by the
// file status; 0 where that does not tell.
func (m *mount) counted(t testing.TB, what string) (n int) {
	t.Helper()
	for _, value := range m.status(t, "proc") {
		if count, ok := strings.CutPrefix(value, what+" "); ok {
			if _, err := fmt.Sscan(count, &n); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}

// status returns the values of one name of the file status.
func (m *mount) status(t testing.TB, name string) (values []string) {
	t.Helper()
	for _, line := range strings.Split(m.read(t, "status"), "\n") {
		if value, ok := strings.CutPrefix(line, name+":\t"); ok {
			values = append(values, value)
		}
	}
	return values
}
