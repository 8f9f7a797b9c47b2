// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/iterfs/iterfs/tests/zoo"
)

func TestMapsEqualProc(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "task_vma", "tasks/vmas")
	pids := zooPIDs(t)
	compare(t, "tasks/<pid>/maps", func() map[string]string { return m.single(t, "maps") }, "maps", pids)
}

// mapsLine is one of maps: addresses, permissions, offset, device, inode, name.
var mapsLine = regexp.MustCompile(`^([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) ([0-9a-f:]+) (\d+) *(.*)\n$`)

// vmaRows makes the rows of tasks/vmas of a text of maps.
func vmaRows(t testing.TB, pid, maps string) string {
	t.Helper()
	var rows strings.Builder
	for line := range strings.Lines(maps) {
		f := mapsLine.FindStringSubmatch(line)
		if f == nil {
			t.Fatalf("no line of maps: %q", line)
		}
		name := f[7]
		if strings.Contains(name, `\`) { // a newline, or what a name has itself
			link, err := os.Readlink("/proc/" + pid + "/map_files/" + f[1] + "-" + f[2])
			if err != nil {
				t.Fatal(err)
			}
			name = link
		}
		if name == "" {
			name = "-"
		}
		fmt.Fprintln(&rows, pid, f[1], f[2], f[3], f[4], f[5], f[6], escape(name))
	}
	return rows.String()
}

// The rows of a process in tasks/vmas are the lines of its maps.
func TestVmas(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "task_vma", "tasks/vmas")
	pids := zooPIDs(t)
	persistently(t, func() (complaints []string) {
		before := native(t, "maps")
		ours := map[string]string{}
		for _, row := range table(t, m.read(t, "tasks/vmas")) {
			ours[row["PID"]] += fmt.Sprintln(row["PID"], row["START"], row["END"], row["PERMS"], row["OFFSET"], row["DEV"], row["INO"], row["PATH"])
		}
		for _, pid := range pids {
			p := strconv.Itoa(pid)
			if want := vmaRows(t, p, before[p]); ours[p] != want {
				complaints = append(complaints, fmt.Sprintf("process %s has\n%swant\n%s", p, ours[p], want))
			}
		}
		return complaints
	})
}

// The animal has the mappings that the comparisons are to be of.
func TestVmasOfProcess(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "task_vma", "tasks/vmas")
	pid := zoo.One(t, "mappings")
	text := m.read(t, fmt.Sprintf("tasks/%d/vmas", pid))
	for _, want := range []string{
		`\[heap\]`, `\[stack\]`, `\[vdso\]`, `/new\\012line`, `/gone\\040\(deleted\)`, `/removed\\040\(deleted\)`,
		`rw-s +00002000 .* /memfd:a\\040b\\012\\134\\040\(deleted\)`, `rw-s .* /dev/zero\\040\(deleted\)`, `---p .* -`, `rwxp .* -`,
	} {
		if !regexp.MustCompile(`(?m)` + want + `$`).MatchString(text) {
			t.Errorf("no row %s", want)
		}
	}
	if has, err := os.ReadFile("/proc/filesystems"); err != nil || strings.Contains(string(has), "\toverlay\n") && !strings.Contains(text, "/overlay/merged/up") {
		t.Errorf("no file of an overlay: %v", err)
	}
	longest := 0
	for _, row := range table(t, text) {
		longest = max(longest, len(row["PATH"]))
	}
	if longest <= zoo.LongestPath {
		t.Errorf("the longest path has %d bytes", longest)
	}
	if own, err := os.ReadFile("/proc/self/maps"); err != nil || strings.Contains(string(own), "[vsyscall]") != strings.Contains(text, "[vsyscall]") {
		t.Errorf("[vsyscall] is not there as in the test's own maps: %v", err)
	}
}

func TestVmasOfFew(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "task_vma", "tasks/vmas")
	if text := m.read(t, "tasks/2/vmas"); strings.Count(text, "\n") != 1 {
		t.Errorf("the mappings of a kernel thread are %q", text)
	}
	if text := m.read(t, "tasks/2/maps"); text != "" {
		t.Errorf("the maps of a kernel thread are %q", text)
	}
}
