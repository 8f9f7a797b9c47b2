// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// A query that cannot be does not exist, and select/errors says why.
func TestSelectErrors(t *testing.T) {
	m := newMount(t)
	for _, test := range []struct{ path, reason string }{
		{"tasks/pid", "no iterator target tasks whose objects have fields; did you mean task?"},
		{"task/mm.total_vn", "no field total_vn in struct mm_struct; did you mean mm.total_vm?"},
		{"task/where/pid=x/pid", `"x" is not a value of pid`},
		{"task/where/pidd=1/pid", "did you mean pid?"},
		{"task/count/nothing", "no field nothing in struct task_struct"},
		{"task/sum/comm/by/pid", "only numbers are added up"},
		{"task/sum/utime/by/nothing", "no field nothing"},
		{"task/where/pid>0/count/se", "name one of its fields"},
	} {
		if _, err := os.ReadFile(m.path("select/" + test.path)); !errors.Is(err, unix.ENOENT) {
			t.Errorf("%s: %v", test.path, err)
		}
		if log := m.read(t, "select/errors"); !strings.Contains(log, test.reason) {
			t.Errorf("%s: no %q in %s", test.path, test.reason, log)
		}
	}
	for i := range 150 {
		os.Stat(m.path(fmt.Sprintf("select/task/x%d", i)))
	}
	log := m.read(t, "select/errors")
	if n := strings.Count(log, "\n"); n != 100 || strings.Contains(log, `"select/task/x49"`) || !strings.Contains(log, `"select/task/x149"`) {
		t.Errorf("%d lines, %q", n, log)
	}
}

// Names that are no queries are refused, whatever is in them, and are one line in
// select/errors.
func TestSelectHostileNames(t *testing.T) {
	m := newMount(t)
	names := []string{
		"...", "a\nb", "\x1b[2J", "%s%n", "'; rm", "$(id)", "*", "\xff\xfe", "pid,", ",", "pid,,tgid", "pid\tcomm", "-", "--help",
		strings.Repeat("a", 255), strings.Repeat("a,", 500), strings.Repeat("mm.", 300) + "x", ".json", "pid.json.json",
	}
	for _, dir := range []string{"select/task/", "select/task/count/", "select/task/where/", "select/task/sum/"} {
		for _, name := range names {
			if _, err := os.Stat(m.dir + "/" + dir + name); !errors.Is(err, unix.ENOENT) {
				t.Errorf("%s%q: %v", dir, name, err)
			}
		}
		if _, err := os.Stat(m.dir + "/" + dir + strings.Repeat("a", 1025)); !errors.Is(err, unix.ENAMETOOLONG) {
			t.Errorf("%s and 1025 bytes: %v", dir, err)
		}
	}
	for line := range strings.Lines(m.read(t, "select/errors")) {
		if time, rest, _ := strings.Cut(line, " "); !strings.HasPrefix(rest, `"select/task/`) || !strings.HasSuffix(time, "Z") && !strings.Contains(time, "+") && !strings.Contains(time[10:], "-") {
			t.Errorf("a line of select/errors is %q", line)
		}
	}
	// Without a mount there is no kernel in front that would keep the worst away.
	for _, name := range []string{"select/task/../../select/task/nothing", "select/task/" + strings.Repeat("a", 100_000), "select/task/pid/x", "select//task//"} {
		if out, errs, status := iterfs(t, "cat", name); status != 1 || out != "" || errs == "" {
			t.Errorf("%.40s: status %d, %q, %.200q", name, status, out, errs)
		}
	}
}

func TestSelectTwin(t *testing.T) {
	m := newMount(t)
	pid := zoo.New(t)["two words"]
	query := fmt.Sprintf("select/task/where/pid=%d/pid,comm,mm,policy,cred.uid", pid)
	if hasField(t, "task_struct", "__state") {
		query += ",__state"
	}
	row := table(t, m.read(t, query))
	var twin map[string]any
	if err := json.Unmarshal([]byte(m.read(t, query+".json")), &twin); err != nil || len(row) != 1 {
		t.Fatalf("%v, %v", row, err)
	}
	if twin["comm"] != "two words" || row[0]["comm"] != `two\040words` || twin["pid"] != float64(pid) || len(twin) != len(row[0]) {
		t.Errorf("%v, in JSON %v", row[0], twin)
	}
	for _, line := range strings.Split(strings.TrimSpace(m.read(t, "select/task/count/policy.json")), "\n") {
		if err := json.Unmarshal([]byte(line), &twin); err != nil || twin["count"] == nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// Only root sees what is asked; nothing is listed that would have to be guessed.
func TestSelectAccess(t *testing.T) {
	m := newMount(t)
	for path, mode := range map[string]uint32{
		"select": 0o500, "select/task": 0o500, "select/task/where": 0o500, "select/task/where/pid=1": 0o500,
		"select/task/fields": 0o400, "select/task/pid": 0o400, "select/task/count/pid": 0o400, "select/errors": 0o400,
	} {
		var st unix.Stat_t
		if err := unix.Stat(m.path(path), &st); err != nil || st.Mode&0o777 != mode || st.Uid != 0 {
			t.Errorf("%s: mode %o of %d, %v", path, st.Mode, st.Uid, err)
		}
	}
	for dir, want := range map[string]string{"select/task": "count fields fields.json sum where", "select/task/where": ""} {
		if got := strings.Join(list(t, m.path(dir)), " "); got != want {
			t.Errorf("%s lists %q", dir, got)
		}
	}
}

// Addresses are for those who may see the kernel's.
func TestSelectHidesPointers(t *testing.T) {
	m := newMount(t)
	query := m.path(fmt.Sprintf("select/task/where/pid=%d/mm,real_parent", os.Getpid()))
	read := func() (text string, err error) {
		content, err := os.ReadFile(query)
		return string(content), err
	}
	restrict, err := os.ReadFile("/proc/sys/kernel/kptr_restrict")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := read(); err != nil || strings.Contains(text, "0xff") != (restrict[0] < '2') {
		t.Errorf("root sees %q, %v", text, err)
	}
	paranoid, err := os.ReadFile("/proc/sys/kernel/perf_event_paranoid")
	if err == nil && restrict[0] == '0' && paranoid[0] < '2' {
		t.Skip("perf_event_paranoid lets everyone see addresses here")
	}
	err = without(t, func() error {
		text, err := read()
		if err == nil && (strings.Contains(text, "0x") || !strings.Contains(text, "hidden")) {
			err = fmt.Errorf("without CAP_SYSLOG one sees %q", text)
		}
		return err
	}, unix.CAP_SYSLOG)
	if err != nil {
		t.Error(err)
	}
}

// commands runs the lines of a text that begin with cat or grep, in the tree, and
// returns how many they are.
func (m *mount) commands(t *testing.T, text string) (tried int) {
	t.Helper()
	if os.Getenv("ITERFS_VM") != "" {
		t.Skip("the cat of the virtual machine is busybox's, which reads by sendfile: see LIMITATIONS in the manual")
	}
	for line := range strings.Lines(text) {
		command := strings.ReplaceAll(strings.TrimSpace(line), "/mnt/iterfs/", "")
		if !strings.HasPrefix(command, "cat ") && !strings.HasPrefix(command, "grep ") {
			continue
		}
		tried++
		cmd := exec.Command("/bin/sh", "-c", command)
		cmd.Dir = m.dir
		if out, errs, status := output(t, cmd); status != 0 || out == "" && command != "cat select/errors" || errs != "" {
			t.Errorf("%s: status %d, %q, %s", command, status, out, errs)
		}
	}
	return tried
}

// What the README shows can be copied and pasted.
func TestSelectReadme(t *testing.T) {
	m := newMount(t)
	if tried := m.commands(t, m.read(t, "select/README")); tried < 10 {
		t.Errorf("only %d commands", tried)
	}
}

// And so can the questions of the manual.
func TestSelectManual(t *testing.T) {
	if os.Getenv("ITERFS_VM") != "" {
		t.Skip("the documents are not in the virtual machine")
	}
	m := newMount(t)
	manual, err := os.ReadFile("../docs/select.md")
	if err != nil {
		t.Fatal(err)
	}
	if tried := m.commands(t, string(manual)); tried < 20 {
		t.Errorf("only %d questions", tried)
	}
}
