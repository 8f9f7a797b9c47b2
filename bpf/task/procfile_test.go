// SPDX-License-Identifier: Apache-2.0

package task

import (
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func arguments(s string) []byte {
	i := taskArgumentsItem{Length: uint32(len(s))}
	for n := range len(s) {
		i.Data[n] = int8(s[n])
	}
	return item(itemArguments, i, 16+(len(s)+7)/8*8)
}

func TestCmdline(t *testing.T) {
	long := strings.Repeat("t", 256)
	for _, test := range []struct {
		name   string
		length int
		pieces []string
		want   string
		row    string
	}{
		{"none", 0, nil, "", "7 \n"},
		{"two", 6, []string{"a\x00bcd\x00"}, "a\x00bcd\x00", "7 a\x00bcd\x00\n"},
		{"a newline", 7, []string{"a\nb\\\nc\x00"}, "a\nb\\\nc\x00", "7 a\\012b\\134\\012c\x00\n"},
		{"in pieces", 258, []string{long, "x\x00"}, long + "x\x00", "7 " + long + "x\x00\n"},
		{"a title over it", 3, []string{"tit", "le\x00env\x00"}, "title\x00", "7 title\x00\n"},
		{"a title in it", 5, []string{"t\x00xyz", "env\x00"}, "t\x00", "7 t\x00\n"},
		{"an endless title", 2, []string{"ti", "tle"}, "title", "7 title\n"},
	} {
		var pieces [][]byte
		for _, p := range test.pieces {
			pieces = append(pieces, arguments(p))
		}
		e := asEntry(t, &taskCmdlineRecord{Key: taskTaskKey{Tgid: 7}, Length: uint64(test.length)}, pieces...)
		got, known := appendCmdline([]byte("x"), e)
		if string(got) != "x"+test.want || !known {
			t.Errorf("%s: %q, %v, want %q", test.name, got, known, test.want)
		}
		if row, err := appendCmdlineRow(nil, e); string(row) != test.row || err != nil {
			t.Errorf("%s: row %q, %v", test.name, row, err)
		}
	}
}

// Without all pieces the real file is read; of a process that is not there any more
// there is none.
func TestCmdlineThatIsCut(t *testing.T) {
	for name, e := range map[string]entry[taskCmdlineRecord]{
		"marked":       asEntry(t, &taskCmdlineRecord{Key: taskTaskKey{Tgid: math.MaxInt32}, Length: 3, Incomplete: 1}),
		"cut":          asEntry(t, &taskCmdlineRecord{Key: taskTaskKey{Tgid: math.MaxInt32}, Length: 9}, arguments("a")),
		"not readable": asEntry(t, &taskCmdlineRecord{Key: taskTaskKey{Tgid: math.MaxInt32}, Length: 1}, arguments("a"), arguments("")),
	} {
		if _, err := appendCmdlineRow(nil, e); err != unix.ESRCH {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who does not answer is asked once at a time, and those who do are answered.
func TestPatience(t *testing.T) {
	blocked := make(chan struct{})
	p := patientReader{patience: 50 * time.Millisecond, most: 2, late: map[taskTaskKey]bool{},
		read: func(dst []byte, key taskTaskKey, _ string) ([]byte, error) {
			if key.Tgid > 10 {
				<-blocked
			}
			return append(dst, "text"...), nil
		}}
	ask := func(pid uint32) error {
		got, err := p.append([]byte("x"), taskTaskKey{Tgid: pid}, "cmdline")
		if err == nil && string(got) != "xtext" {
			t.Errorf("%d: %q", pid, got)
		}
		return err
	}
	for _, pid := range []uint32{1, 11, 11, 2, 12} {
		if err := ask(pid); (err == unix.EBUSY) != (pid > 10) {
			t.Errorf("%d: %v", pid, err)
		}
	}
	if err := ask(3); err != unix.EBUSY || len(p.late) != 2 {
		t.Errorf("with %d late ones: %v", len(p.late), err)
	}
	close(blocked)
	for deadline := time.Now().Add(10 * time.Second); ask(3) != nil; {
		if time.Now().After(deadline) {
			t.Fatal("those who were late are never forgotten")
		}
	}
}

func TestLimits(t *testing.T) {
	var r taskLimitsRecord
	if got, known := appendLimits(nil, asEntry(t, &r)); len(got) > 0 || !known {
		t.Errorf("of a task that was reaped: %q, %v", got, known)
	}
	r.Present = 1
	r.Limits[0].Soft, r.Limits[0].Hard = math.MaxUint64, math.MaxUint64-1
	got, known := appendLimits(nil, asEntry(t, &r))
	lines := strings.Split(string(got), "\n")
	if !known || len(lines) != 18 ||
		lines[1] != "Max cpu time              unlimited            18446744073709551614 seconds   " ||
		lines[14] != "Max nice priority         0                    0                    " {
		t.Errorf("%v: %q", known, lines)
	}
}

func TestCgroups(t *testing.T) {
	hierarchy := func(id int32, deleted uint16) []byte {
		return item(itemHierarchy, taskHierarchyItem{Id: id, Deleted: deleted}, 24)
	}
	name := func(s string) []byte {
		i := taskCgroupItem{Name: [264]int8{}}
		for n := range len(s) {
			i.Name[n] = int8(s[n])
		}
		return item(itemCgroup, i, 8+(len(s)+8)/8*8)
	}
	h := hierarchies{ids: []int32{12, 4, 0}, labels: []string{"12:name=x:", "4:cpu,cpuacct:", "0::"}}
	const there = "12:name=x:/\n4:cpu,cpuacct:/top/leaf\n0::/gone (deleted)\n"
	of := func(items ...[]byte) string {
		got, err := h.append(nil, asEntry(t, &taskCgroupRecord{Key: taskTaskKey{Tgid: math.MaxInt32}}, items...))
		if err == unix.ESRCH { // the real file was looked for
			return "native"
		}
		return string(got)
	}
	dfl, cpu, x := hierarchy(0, 1), hierarchy(4, 1), hierarchy(12, 0)
	for _, test := range []struct {
		what, got, want string
	}{
		{"in the kernel's order", of(dfl, name("gone"), cpu, name("leaf"), name("top"), x), there},
		{"one less", of(dfl, name("gone"), cpu, name("leaf")), "native"},
		{"one that is new", of(dfl, name("gone"), cpu, x, hierarchy(13, 0)), "native"},
		{"cut", of(dfl, name("gone"), cpu, x, hierarchy(-1, 0)), "native"},
		{"nothing", of(), "native"},
	} {
		if test.got != test.want {
			t.Errorf("%s: %q", test.what, test.got)
		}
	}
	h = hierarchies{ids: []int32{4}, labels: []string{"4:cpu:"}} // before cgroup2 is ever mounted
	if got := of(dfl, cpu, name("leaf")); got != "4:cpu:/leaf\n" {
		t.Errorf("without the default hierarchy: %q", got)
	}
}

func TestStartTicks(t *testing.T) {
	line := "7 (a) 1 2) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 123456 20 21\n"
	if got := startTicks([]byte(line)); got != 123456 {
		t.Errorf("%d", got)
	}
	if got := startTicks([]byte("7 (")); got != 0 {
		t.Errorf("%d of a torn line", got)
	}
}

func TestRenderingDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 64<<10)
	status := asEntry(t, &taskStatusRecord{}, item(itemPids, taskPidsItem{}, 24), item(itemGroups, taskGroupsItem{}, 16))
	status.rec.Mm.Present, status.rec.Task.Groups = 1, 2
	statm, io := asEntry(t, &taskStatmRecord{}), asEntry(t, &taskIoRecord{})
	limits := asEntry(t, &taskLimitsRecord{Present: 1})
	cmdline := asEntry(t, &taskCmdlineRecord{Length: 2}, arguments("a\x00"))
	cgroup := asEntry(t, &taskCgroupRecord{}, item(itemHierarchy, taskHierarchyItem{}, 16))
	h := hierarchies{ids: []int32{0}, labels: []string{"0::"}}
	for name, render := range map[string]func(){
		"statm":   func() { appendStatm(dst, statm) },
		"status":  func() { appendStatus(dst, status) },
		"io":      func() { appendIO(dst, io) },
		"limits":  func() { appendLimits(dst, limits) },
		"cmdline": func() { appendCmdlineRow(dst, cmdline) },
		"cgroup":  func() { h.append(dst, cgroup) },
	} {
		render()
		if n := testing.AllocsPerRun(100, render); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
