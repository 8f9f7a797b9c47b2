// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// facts reads what the files of a cgroup say in "name value" lines.
func facts(t testing.TB, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	facts := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 {
			facts[f[0]] = f[1]
		}
	}
	return facts
}

// fact reads a file of one value; "-" where there is none or no limit.
func fact(file string, unit int) string {
	text, err := os.ReadFile(file)
	value := strings.TrimSpace(string(text))
	if err != nil || value == "max" {
		return "-"
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return err.Error()
	}
	return strconv.Itoa(n / unit)
}

// cgroupTree is what cgroupfs says of a cgroup and all below it, in the order of
// the table: siblings by age, which their inode numbers tell.
func cgroupTree(t testing.TB, dir, path string, level int) (rows []map[string]string) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	threads, err := os.ReadFile(dir + "/cgroup.threads")
	if err != nil {
		t.Fatal(err)
	}
	stat, events := facts(t, dir+"/cgroup.stat"), facts(t, dir+"/cgroup.events")
	usec, _ := strconv.Atoi(facts(t, dir+"/cpu.stat")["usage_usec"])
	rows = append(rows, map[string]string{
		"ID": strconv.FormatUint(st.Ino, 10), "LEVEL": strconv.Itoa(level), "PATH": path,
		"TASKS":       strconv.Itoa(strings.Count(string(threads), "\n")),
		"DESCENDANTS": stat["nr_descendants"], "DYING": stat["nr_dying_descendants"],
		"POPULATED": events["populated"], "FROZEN": events["frozen"], "CPU_MS": strconv.Itoa(usec / 1000),
		"MEM_KB": fact(dir+"/memory.current", 1024), "MEM_MAX_KB": fact(dir+"/memory.max", 1024),
		"PIDS": fact(dir+"/pids.current", 1), "PIDS_MAX": fact(dir+"/pids.max", 1),
	})
	for _, name := range cgroupsIn(t, dir) {
		rows = append(rows, cgroupTree(t, dir+"/"+name, path+"/"+name, level+1)...)
	}
	return rows
}

// cgroupsIn lists the cgroups in a directory of cgroupfs, the oldest first.
func cgroupsIn(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	ages := map[string]uint64{}
	for _, e := range entries {
		var st unix.Stat_t
		if e.IsDir() && unix.Stat(dir+"/"+e.Name(), &st) == nil {
			ages[e.Name()] = st.Ino
		}
	}
	return slices.SortedFunc(maps.Keys(ages), func(a, b string) int { return int(int64(ages[a] - ages[b])) })
}

// escaped is how a table shows a path.
var escaped = strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`)

// childrenOf lists the processes that have a parent, the oldest first.
func childrenOf(t testing.TB, parent int) (pids []int) {
	t.Helper()
	for pid, stat := range native(t, "stat") {
		if _, fields := splitStat([]byte(stat)); fields[1] == strconv.Itoa(parent) {
			n, _ := strconv.Atoi(pid)
			pids = append(pids, n)
		}
	}
	slices.Sort(pids)
	return pids
}

// someCgroups makes cgroups of every shape.
func someCgroups(t testing.TB, c *zoo.Cgroups) {
	t.Helper()
	for _, path := range []string{"one", "one/two", "one/two/three/four/five", "late/b", "late/a", "sp ace\\tab\t", "Grüße", "table",
		"table/inner", strings.Repeat("n", 255), strings.Repeat("n", 31) + "x", strings.Repeat("n", 31) + "y", "frozen/inner"} {
		c.Make(path)
	}
	pids := childrenOf(t, zoo.Herd(t, 4))
	c.Move("one", pids[0])
	c.Move("one/two/three/four/five", pids[1])
	c.Move("one/two/three/four/five", pids[2])
	c.Move("frozen/inner", pids[3])
}

func TestCgroupTable(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "cgroup", "cgroups")
	c := zoo.NewCgroups(t)
	someCgroups(t, c)
	c.Write("frozen/cgroup.freeze", "1")
	t.Cleanup(func() { c.Write("frozen/cgroup.freeze", "0") })
	eventually(t, func() bool { return facts(t, c.Dir+"/frozen/cgroup.events")["frozen"] == "1" }, "nothing freezes")
	for _, limit := range []string{"memory.max", "pids.max"} {
		if _, err := os.Stat(c.Dir + "/" + limit); err == nil {
			c.Write(limit, "1048576")
		}
	}
	whole := func(rows []map[string]string) (own []map[string]string) {
		for _, row := range rows {
			if row["PATH"] == c.Path || strings.HasPrefix(row["PATH"], c.Path+"/") {
				own = append(own, row)
			}
		}
		return own
	}
	check := func(file, dir, path string, level int) {
		persistently(t, func() []string {
			before, got, after := cgroupTree(t, dir, path, level), whole(table(t, m.read(t, file))), cgroupTree(t, dir, path, level)
			return compareRows(file, before, got, after)
		})
	}
	check("cgroups/table", c.Dir, c.Path, 1)
	check("cgroups"+c.Path+"/table", c.Dir, c.Path, 1)
	check("cgroups"+c.Path+"/one/two/table", c.Dir+"/one/two", c.Path+"/one/two", 3)
	check("cgroups"+c.Path+"/"+strings.Repeat("n", 255)+"/table", c.Dir+"/"+strings.Repeat("n", 255), c.Path+"/"+strings.Repeat("n", 255), 2)
	root := table(t, m.read(t, "cgroups/table"))[0]
	if root["PATH"] != "/" || root["LEVEL"] != "0" || root["CPU_MS"] != "-" {
		t.Errorf("the root is %v", root)
	}
}

// compareRows compares a table with what was the case before and after.
func compareRows(file string, before, got, after []map[string]string) (complaints []string) {
	if len(got) != len(before) {
		return []string{fmt.Sprintf("%s has %d rows, want %d", file, len(got), len(before))}
	}
	for i, want := range before {
		for column, value := range want {
			if column == "PATH" {
				value = escaped.Replace(value)
			}
			if got[i][column] != value && after[i][column] == want[column] {
				complaints = append(complaints, fmt.Sprintf("%s, row of %s: %s is %s, want %s", file, want["PATH"], column, got[i][column], value))
			}
		}
	}
	return complaints
}

func TestCgroupTasks(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "cgroup", "cgroups")
	c := zoo.NewCgroups(t)
	someCgroups(t, c)
	m.read(t, "tasks/table")
	for _, path := range []string{"", c.Path, c.Path + "/one", c.Path + "/one/two/three", c.Path + "/late"} {
		persistently(t, func() []string { return checkTasks(t, m, "cgroups"+path, path) })
	}
	procs, err := os.ReadFile(c.Dir + "/one/two/three/four/five/cgroup.procs")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, row := range table(t, m.read(t, "cgroups"+c.Path+"/one/two/tasks")) {
		pids = append(pids, row["PID"])
	}
	if want := strings.Fields(string(procs)); len(want) != 2 || !slices.Equal(pids, want) {
		t.Errorf("processes %q, cgroup.procs has %q", pids, want)
	}
}

// checkTasks compares with the rows of tasks/table whose CGROUP is below a path.
func checkTasks(t *testing.T, m *mount, dir, path string) (complaints []string) {
	t.Helper()
	pids := func(file string, want func(cgroup string) bool) (pids []string) {
		for _, row := range table(t, m.read(t, file)) {
			if want(row["CGROUP"]) {
				pids = append(pids, row["PID"]+" "+row["COMM"]+" "+row["START_MS"])
			}
		}
		return pids
	}
	below := func(cgroup string) bool { return cgroup == path || strings.HasPrefix(cgroup, path+"/") }
	before := pids("tasks/table", below)
	got := pids(dir+"/tasks", func(string) bool { return true })
	if after := pids("tasks/table", below); slices.Equal(before, after) && !slices.Equal(got, before) {
		complaints = append(complaints, fmt.Sprintf("%s/tasks has %q, want %q", dir, got, before))
	}
	return complaints
}
