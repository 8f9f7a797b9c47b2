// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// native reads a file of every process in the real /proc.
func native(t testing.TB, file string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, name := range list(t, "/proc") {
		if _, err := strconv.Atoi(name); err != nil {
			continue
		}
		if text, err := os.ReadFile("/proc/" + name + "/" + file); err == nil {
			texts[name] = string(text)
		}
	}
	return texts
}

// A line of stat begins with a pid; a name may hold a newline, but not this.
var statLine = regexp.MustCompile(`(?m)^([0-9]+) \((?s:.*?)\) [A-Za-z]( -?[0-9]+){49}\n`)

// bulkStat splits tasks/stat by process, and fails on anything between the lines.
func bulkStat(t testing.TB, text string) map[string]string {
	t.Helper()
	lines := map[string]string{}
	for len(text) > 0 {
		m := statLine.FindStringSubmatchIndex(text)
		if m == nil || m[0] != 0 {
			t.Fatalf("no line of stat: %.300q", text)
		}
		pid := text[m[2]:m[3]]
		if lines[pid] != "" {
			t.Errorf("process %s twice", pid)
		}
		lines[pid] = text[:m[1]]
		text = text[m[1]:]
	}
	return lines
}

// hidden reports whether this machine's kernel keeps a process from iterators:
// some sandboxes do with their own, whose exe even root may not read.
func hidden(pid string) bool {
	_, err := os.Readlink("/proc/" + pid + "/exe")
	return errors.Is(err, unix.EACCES)
}

// compare compares a file with the real one, which is read before and after:
// where both native readings agree, ours must. Every idle process must have been
// compared.
func compare(t *testing.T, what string, ours func() map[string]string, file string, idle []int) {
	t.Helper()
	compared := map[string]bool{}
	persistently(t, func() (complaints []string) {
		before, got, after := steady(native(t, file)), steady(ours()), steady(native(t, file))
		for pid, want := range before {
			if after[pid] != want || hidden(pid) {
				continue
			}
			compared[pid] = true
			if text, there := got[pid]; text != want || !there {
				complaints = append(complaints, fmt.Sprintf("%s of %s is\n%swant\n%s", what, pid, text, want))
			}
		}
		for pid := range got {
			_, was := before[pid]
			_, is := after[pid]
			if _, err := os.Stat("/proc/" + pid); !was && !is && err == nil {
				complaints = append(complaints, fmt.Sprintf("%s has a process %s that /proc does not list", what, pid))
			}
		}
		for _, pid := range idle {
			if !compared[strconv.Itoa(pid)] {
				complaints = append(complaints, fmt.Sprintf("%s of the idle process %d could not be compared", what, pid))
			}
		}
		return complaints
	})
}

func zooPIDs(t testing.TB) (pids []int) {
	t.Helper()
	for _, pid := range zoo.New(t) {
		pids = append(pids, pid)
	}
	if len(pids) < 14 {
		t.Errorf("only %d animals in the zoo", len(pids))
	}
	return pids
}

func TestStatEqualsProc(t *testing.T) {
	m := newMount(t)
	pids := zooPIDs(t)
	compare(t, "tasks/stat", func() map[string]string { return bulkStat(t, m.read(t, "tasks/stat")) }, "stat", pids)
	compare(t, "tasks/<pid>/stat", func() map[string]string { return m.single(t, "stat") }, "stat", pids)
	compare(t, "tasks/<pid>/comm", func() map[string]string { return m.single(t, "comm") }, "comm", pids)
}

// single reads a file of each process in its directory.
func (m *mount) single(t testing.TB, file string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, name := range list(t, m.path("tasks")) {
		if text, err := os.ReadFile(m.path("tasks/" + name + "/" + file)); err == nil && name != "self" && name != "thread-self" {
			texts[name] = string(text)
		}
	}
	return texts
}

// The table tells of each animal what its stat does.
func TestTaskTable(t *testing.T) {
	m := newMount(t)
	pids := zooPIDs(t)
	persistently(t, func() []string { return checkTable(t, m, pids) })
}

func checkTable(t testing.TB, m *mount, pids []int) (complaints []string) {
	t.Helper()
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	rows := map[string]map[string]string{}
	for _, row := range table(t, m.read(t, "tasks/table")) {
		rows[row["PID"]] = row
	}
	objects := map[float64]map[string]any{}
	for _, line := range strings.Split(strings.TrimSpace(m.read(t, "tasks/table.json")), "\n") {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		objects[o["pid"].(float64)] = o
	}
	for _, pid := range pids {
		p := strconv.Itoa(pid)
		row := rows[p]
		stat, err := os.ReadFile("/proc/" + p + "/stat")
		if err != nil || row == nil {
			complain("process %s: row %v, %v", p, row, err)
			continue
		}
		name, fields := splitStat(stat)
		uid, gid := owner(t, "/proc/"+p)
		ticks := func(ms string) string { v, _ := strconv.Atoi(ms); return strconv.Itoa(v / 10) }
		kb := func(v string, unit int) string { n, _ := strconv.Atoi(v); return strconv.Itoa(n * unit / 1024) }
		for column, want := range map[string]string{
			"STATE": fields[0], "PPID": fields[1], "PGID": fields[2], "SID": fields[3],
			"NICE": fields[16], "THREADS": fields[17], "UID": uid, "GID": gid,
			"VSZ_KB": kb(fields[20], 1), "RSS_KB": kb(fields[21], os.Getpagesize()), "CGROUP": cgroup(t, p),
			"PIDNS": namespace(p, "pid"), "NETNS": namespace(p, "net"),
		} {
			if row[column] != want {
				complain("process %s (%s): %s is %s, want %s", p, name, column, row[column], want)
			}
		}
		if ticks(row["UTIME_MS"]) != fields[11] || ticks(row["STIME_MS"]) != fields[12] || ticks(row["START_MS"]) != fields[19] {
			complain("process %s (%s): times %s, %s, %s, in stat %s, %s, %s", p, name,
				row["UTIME_MS"], row["STIME_MS"], row["START_MS"], fields[11], fields[12], fields[19])
		}
		if (row["TTY"] != "-") != (fields[4] != "0") {
			complain("process %s (%s): TTY is %s, in stat %s", p, name, row["TTY"], fields[4])
		}
		object := objects[float64(pid)]
		if want := strings.ToValidUTF8(name, ""); strings.ReplaceAll(object["comm"].(string), "\ufffd", "") != want {
			complain("process %s: comm is %q in JSON, want %q", p, object["comm"], name)
		}
	}
	return complaints
}

// splitStat returns the name and the fields from the state on.
func splitStat(stat []byte) (name string, fields []string) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	return string(stat[open+1 : end]), strings.Fields(string(stat[end+1:]))
}

func owner(t testing.TB, path string) (uid, gid string) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(int(st.Uid)), strconv.Itoa(int(st.Gid))
}

// cgroup is the path in the v2 hierarchy.
func cgroup(t testing.TB, pid string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return path
		}
	}
	return "/"
}

func namespace(pid, kind string) string {
	link, err := os.Readlink("/proc/" + pid + "/ns/" + kind)
	if err != nil {
		return "-"
	}
	return strings.TrimSuffix(strings.TrimPrefix(link, kind+":["), "]")
}

func TestThreads(t *testing.T) {
	m := newMount(t)
	pid := zoo.New(t)["threads"]
	var names []string
	for _, row := range table(t, m.read(t, "tasks/threads")) {
		if row["PID"] != strconv.Itoa(pid) {
			continue
		}
		names = append(names, row["COMM"])
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/stat", pid, row["TID"]))
		if err != nil {
			t.Fatal(err)
		}
		_, fields := splitStat(stat)
		utime, _ := strconv.Atoi(row["UTIME_MS"])
		stime, _ := strconv.Atoi(row["STIME_MS"])
		if strconv.Itoa(utime/10) != fields[11] || strconv.Itoa(stime/10) != fields[12] {
			t.Errorf("thread %s: %d and %d ms, in its stat %s and %s ticks", row["TID"], utime, stime, fields[11], fields[12])
		}
	}
	tids := list(t, fmt.Sprintf("/proc/%d/task", pid))
	if len(names) != len(tids) || !slices.Contains(names, `thread\0402`) || slices.Contains(names, `thread\0401`) {
		t.Errorf("threads %q, /proc has %d", names, len(tids))
	}
}

// The rows of one process's threads are those that the table of all has.
func TestThreadsOfProcess(t *testing.T) {
	m := newMount(t)
	for kind, pid := range zoo.New(t) {
		if kind != "threads" && kind != "zombie leader" && kind != "plain" {
			continue
		}
		for _, twin := range []string{"", ".json"} {
			p := strconv.Itoa(pid)
			own := fmt.Sprintf(`(?m)^ *%d .*\n`, pid)
			if twin != "" {
				own = fmt.Sprintf(`(?m)^\{"pid":%d,.*\n`, pid)
			}
			persistently(t, func() (complaints []string) {
				want := strings.Join(regexp.MustCompile(own).FindAllString(m.read(t, "tasks/threads"+twin), -1), "")
				got := m.read(t, "tasks/"+p+"/threads"+twin)
				if twin == "" {
					_, got, _ = strings.Cut(got, "\n") // the header
				}
				if got != want || strings.Count(got, "\n") != len(list(t, "/proc/"+p+"/task")) {
					complaints = append(complaints, fmt.Sprintf("%s%s: the process has\n%sthe table\n%s", kind, twin, got, want))
				}
				return complaints
			})
		}
	}
}

// An open file is of the process that it was opened for.
func TestThreadsOfEndedProcess(t *testing.T) {
	m := newMount(t)
	child := exec.Command("/bin/sh", "-c", "read x")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for _, name := range []string{"threads", "status", "statm", "cmdline", "io", "limits", "cgroup"} {
		f, err := os.Open(m.path(fmt.Sprintf("tasks/%d/%s", child.Process.Pid, name)))
		if err != nil {
			t.Error(err)
			continue
		}
		defer f.Close()
		files = append(files, f)
	}
	stdin.Close()
	child.Wait()
	for _, f := range files {
		if text, err := io.ReadAll(f); !errors.Is(err, unix.ESRCH) {
			t.Errorf("%s of an ended process is %q, %v", f.Name(), text, err)
		}
	}
}

func TestTaskDirectories(t *testing.T) {
	m := newMount(t)
	pids := zoo.New(t)
	names := list(t, m.path("tasks"))
	for kind, pid := range pids {
		p := strconv.Itoa(pid)
		if !slices.Contains(names, p) {
			t.Errorf("%s (%s) is not listed", p, kind)
		}
		uid, gid := owner(t, "/proc/"+p)
		if u, g := owner(t, m.path("tasks/"+p)); u != uid || g != gid {
			t.Errorf("%s (%s) is owned by %s:%s, in /proc by %s:%s", p, kind, u, g, uid, gid)
		}
	}
	link, err := os.Readlink(m.path("tasks/self"))
	if err != nil || link != strconv.Itoa(os.Getpid()) {
		t.Errorf("self is %s, %v", link, err)
	}
	for _, name := range []string{"0", "01", "4294967297", "-1", "x", "999999999"} {
		if _, err := os.Stat(m.path("tasks/" + name)); !errors.Is(err, unix.ENOENT) {
			t.Errorf("tasks/%s: %v", name, err)
		}
	}
	// A thread is found by number in /proc, where it is not listed; here both agree.
	for _, tid := range list(t, fmt.Sprintf("/proc/%d/task", pids["threads"])) {
		if _, err := os.Stat(m.path("tasks/" + tid)); (err == nil) != (tid == strconv.Itoa(pids["threads"])) {
			t.Errorf("tasks/%s, a thread: %v", tid, err)
		}
	}
}
