// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// benchCommand is the command with a TMPDIR of its own, and what finds its processes.
func benchCommand(t *testing.T, args ...string) (cmd *exec.Cmd, mark string) {
	t.Helper()
	need.Root(t)
	cmd = exec.Command(binary, append([]string{"bench"}, args...)...)
	dir := t.TempDir()
	mark = "ITERFS_TEST=" + dir
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, mark)
	t.Cleanup(func() {
		for _, name := range list(t, dir) {
			t.Errorf("%s is left", name)
		}
		if left := marked(mark); len(left) > 0 {
			t.Errorf("processes are left: %q", left)
		}
	})
	return cmd, mark
}

// marked are the processes that have a variable in their environment.
func marked(mark string) (found []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		if environ, err := os.ReadFile(path); err == nil && bytes.Contains(environ, []byte(mark)) {
			found = append(found, path)
		}
	}
	return found
}

// A benchmark measures something of everything, prints it in both forms, and leaves
// nothing.
func TestBench(t *testing.T) {
	cmd, _ := benchCommand(t, "--runs", "1", "--processes", "50", "--json")
	out, errs, status := output(t, cmd)
	if status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	type pair struct {
		Iterfs float64 `json:"iterfs_ms"`
		Native float64 `json:"native_ms"`
		Ratio  float64
	}
	var report struct {
		Kernel, CPU           string
		CPUs, Processes, Runs int
		Rows                  []struct {
			Section, Name string
			Wall, CPU     pair
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if report.Kernel == "" || report.CPU == "" || report.CPUs < 1 || report.Processes < 50 || report.Runs != 1 || len(report.Rows) < 8 {
		t.Errorf("%+v", report)
	}
	for _, row := range report.Rows {
		for _, p := range []pair{row.Wall, row.CPU} {
			if exact := p.Iterfs / p.Native; p.Iterfs <= 0 || p.Native <= 0 || p.Ratio < exact-1e-9 || p.Ratio > exact+1e-9 {
				t.Errorf("%s: %+v", row.Name, p)
			}
		}
		if !strings.Contains(errs, "measuring "+row.Name+"\n") {
			t.Errorf("it did not say that it measures %s", row.Name)
		}
	}
	m := newMount(t)
	cmd, _ = benchCommand(t, "--runs", "1", m.dir)
	text, errs, status := output(t, cmd)
	if status != 0 {
		t.Fatalf("of a tree that is mounted: status %d: %s", status, errs)
	}
	for _, row := range report.Rows {
		if !strings.Contains(text, "\n  "+row.Name+" ") {
			t.Errorf("%s is not in the table:\n%s", row.Name, text)
		}
	}
}

// Interrupted at any time it leaves nothing, and says why it ends.
func TestBenchInterrupted(t *testing.T) {
	for _, when := range []string{"making", "measuring tasks/stat"} {
		cmd, mark := benchCommand(t, "--processes", "50", "--runs", "1000")
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stderr)
		for lines.Scan() && !strings.HasPrefix(lines.Text(), when) {
		}
		if len(marked(mark)) == 0 {
			t.Error("its processes are not found")
		}
		cmd.Process.Signal(unix.SIGINT)
		last := ""
		for lines.Scan() {
			last = lines.Text()
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 || last != "iterfs: interrupted" {
			t.Errorf("%s: %v, %q", when, err, last)
		}
	}
}

func TestBenchUsage(t *testing.T) {
	need.Root(t)
	for _, args := range [][]string{{"--runs", "0"}, {"--processes", "-1"}, {t.TempDir()}} {
		if _, errs, status := iterfs(t, append([]string{"bench"}, args...)...); status == 0 || !oneLine(errs, "iterfs: ") {
			t.Errorf("%q: status %d, %q", args, status, errs)
		}
	}
	if _, errs, _ := iterfs(t, "bench", t.TempDir()); !oneLine(errs, "no tree of iterfs") {
		t.Error(errs)
	}
}
