// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/iterfs/iterfs/tests/zoo"
)

// hasField reports whether this kernel's struct has the field: tests ask for what
// has come or gone since 5.10 only where it is.
func hasField(t testing.TB, structure, field string) bool {
	t.Helper()
	types, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	var s *btf.Struct
	if err := types.TypeByName(structure, &s); err != nil {
		return false
	}
	return slices.ContainsFunc(s.Members, func(m btf.Member) bool { return m.Name == field })
}

// selected reads a query's rows by the value of a column.
func (m *mount) selected(t testing.TB, query, by string) map[string]map[string]string {
	t.Helper()
	rows := map[string]map[string]string{}
	for _, row := range table(t, m.read(t, "select/"+query)) {
		rows[row[by]] = row
	}
	return rows
}

// Fields of processes have the values that the real /proc tells.
func TestSelectEqualsProc(t *testing.T) {
	m := newMount(t)
	// What is asked, and where stat (from the state on) or statm tell the same.
	fields := []struct {
		path string
		want func(stat, statm []string) string
	}{
		{"real_parent.tgid", func(stat, _ []string) string { return stat[1] }},
		{"signal.pids[PIDTYPE_PGID].numbers[0].nr", func(stat, _ []string) string { return stat[2] }},
		{"signal.pids[PIDTYPE_SID].numbers[0].nr", func(stat, _ []string) string { return stat[3] }},
		{"flags", func(stat, _ []string) string { return stat[6] }},
		{"signal.nr_threads", func(stat, _ []string) string { return stat[17] }},
		{"signal.rlim[5].rlim_cur", func(stat, _ []string) string { return stat[22] }},
		{"exit_signal", func(stat, _ []string) string { return stat[35] }},
		{"rt_priority", func(stat, _ []string) string { return stat[37] }},
		{"mm.total_vm", func(_, statm []string) string { return statm[0] }},
	}
	path := "task/where/exit_signal>=0/tgid"
	for _, f := range fields {
		path += "," + f.path
	}
	pids := zooPIDs(t)
	persistently(t, func() (complaints []string) {
		rows := m.selected(t, path, "tgid")
		for _, pid := range pids {
			p := strconv.Itoa(pid)
			stat, err := os.ReadFile("/proc/" + p + "/stat")
			statm, err2 := os.ReadFile("/proc/" + p + "/statm")
			if err != nil || err2 != nil || rows[p] == nil {
				complaints = append(complaints, fmt.Sprintf("process %s: %v, %v, row %v", p, err, err2, rows[p]))
				continue
			}
			_, words := splitStat(stat)
			for _, f := range fields {
				want, got := f.want(words, strings.Fields(string(statm))), rows[p][f.path]
				// A zombie has no mm: /proc says 0.
				if got != want && (got != "-" || want != "0") {
					complaints = append(complaints, fmt.Sprintf("process %s: %s is %s, in /proc %s", p, f.path, got, want))
				}
			}
		}
		return complaints
	})
}

// Sums over the CPUs are exact, as statm and status have them.
func TestSelectSumsPerCPUCounters(t *testing.T) {
	m := newMount(t)
	if !hasField(t, "percpu_counter", "counters") || !perCPURSS(t) {
		t.Skip("this kernel's mm_struct has no per-CPU counters (they came with Linux 6.2)")
	}
	pids := zooPIDs(t)
	persistently(t, func() (complaints []string) {
		rows := m.selected(t, "task/where/exit_signal>=0/tgid,mm.rss_stat[MM_FILEPAGES],mm.rss_stat[MM_ANONPAGES],mm.rss_stat[MM_SHMEMPAGES],mm.rss_stat[1].count", "tgid")
		for _, pid := range pids {
			row := rows[strconv.Itoa(pid)]
			statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
			if err != nil || row == nil {
				complaints = append(complaints, fmt.Sprintf("process %d: %v, row %v", pid, err, row))
				continue
			}
			pages := 0
			for field, value := range row {
				if strings.HasSuffix(field, "PAGES]") {
					n, _ := strconv.Atoi(value)
					pages += n
				}
			}
			if want := strings.Fields(string(statm))[1]; strconv.Itoa(pages) != want {
				complaints = append(complaints, fmt.Sprintf("process %d: %d pages, in statm %s: %v", pid, pages, want, row))
			}
		}
		return complaints
	})
}

// perCPURSS reports whether mm.rss_stat is an array of percpu_counter.
func perCPURSS(t testing.TB) bool {
	t.Helper()
	types, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	var mm *btf.Struct
	if err := types.TypeByName("mm_struct", &mm); err != nil {
		t.Fatal(err)
	}
	var rss btf.Type
	var find func(members []btf.Member)
	find = func(members []btf.Member) {
		for _, m := range members {
			if m.Name == "rss_stat" {
				rss = m.Type
			}
			if s, ok := m.Type.(*btf.Struct); ok && m.Name == "" {
				find(s.Members)
			}
		}
	}
	find(mm.Members)
	a, ok := rss.(*btf.Array)
	return ok && a.Type.TypeName() == "percpu_counter"
}

// What a condition lets through is what it says.
func TestSelectWhere(t *testing.T) {
	m := newMount(t)
	zoo.New(t)
	self := os.Getpid()
	mine := fmt.Sprintf("real_parent.tgid=%d", self)
	number := func(r map[string]string, field string) int { n, _ := strconv.Atoi(r[field]); return n }
	fields := "pid,tgid,comm,cred.uid,static_prio,mm.total_vm,signal.nr_threads,policy,flags"
	for _, test := range []struct {
		where string
		holds func(r map[string]string) bool
	}{
		{`comm=plain`, func(r map[string]string) bool { return r["comm"] == "plain" }},
		{`comm!=plain`, func(r map[string]string) bool { return r["comm"] != "plain" }},
		{`comm=`, func(r map[string]string) bool { return r["comm"] == "-" }},
		{`comm~l`, func(r map[string]string) bool { return strings.Contains(r["comm"], "l") }},
		{`comm~lai`, func(r map[string]string) bool { return strings.Contains(r["comm"], "lai") }},
		{`comm!~a`, func(r map[string]string) bool { return !strings.Contains(r["comm"], "a") }},
		{`comm~\040word`, func(r map[string]string) bool { return strings.Contains(r["comm"], `\040word`) }},
		{`comm=new\012line\011tab\134`, func(r map[string]string) bool { return r["comm"] == `new\012line\011tab\134` }},
		{`cred.uid=0`, func(r map[string]string) bool { return r["cred.uid"] == "0" }},
		{`cred.uid=root`, func(r map[string]string) bool { return r["cred.uid"] == "0" }},
		{`cred.uid!=0`, func(r map[string]string) bool { return r["cred.uid"] != "0" }},
		{`static_prio<120`, func(r map[string]string) bool { return number(r, "static_prio") < 120 }},
		{`static_prio>120`, func(r map[string]string) bool { return number(r, "static_prio") > 120 }},
		{`static_prio<=120`, func(r map[string]string) bool { return number(r, "static_prio") <= 120 }},
		{`static_prio>=0x78`, func(r map[string]string) bool { return number(r, "static_prio") >= 120 }},
		{`mm=-`, func(r map[string]string) bool { return r["mm.total_vm"] == "-" }},
		{`mm=0`, func(r map[string]string) bool { return r["mm.total_vm"] == "-" }},
		{`mm.total_vm=-`, func(r map[string]string) bool { return r["mm.total_vm"] == "-" }},
		{`mm.total_vm!=-`, func(r map[string]string) bool { return r["mm.total_vm"] != "-" }},
		{`mm.total_vm!=1`, func(r map[string]string) bool { return r["mm.total_vm"] != "-" }},
		{`mm!=-,signal.nr_threads=1`, func(r map[string]string) bool {
			return r["mm.total_vm"] != "-" && r["signal.nr_threads"] == "1"
		}},
		{`policy=1`, func(r map[string]string) bool { return r["policy"] == "1" }},
		{`flags&4=0`, func(r map[string]string) bool { return number(r, "flags")&4 == 0 }},
		{`flags&4=4`, func(r map[string]string) bool { return number(r, "flags")&4 == 4 }},
		{`exit_signal<0`, func(r map[string]string) bool { return r["pid"] != r["tgid"] }}, // threads
		{`exit_signal!=-1`, func(r map[string]string) bool { return r["pid"] == r["tgid"] }},
	} {
		persistently(t, func() (complaints []string) {
			all := m.selected(t, "task/where/"+mine+"/"+fields, "pid")
			got := m.selected(t, "task/where/"+mine+","+test.where+"/"+fields, "pid")
			for pid, row := range all {
				if (got[pid] != nil) != test.holds(row) {
					complaints = append(complaints, fmt.Sprintf("%s: %v is %v", test.where, row, got[pid] != nil))
				}
			}
			if len(all) < 10 {
				complaints = append(complaints, fmt.Sprintf("only %d children: %v", len(all), all))
			}
			return complaints
		})
	}
}

// Where a task sleeps is what its wchan tells, on kernels that unwind stacks for it.
func TestSelectWchan(t *testing.T) {
	m := newMount(t)
	pids := zooPIDs(t)
	told := 0
	persistently(t, func() (complaints []string) {
		rows := m.selected(t, "task/pid,task:wchan", "pid")
		for _, pid := range pids {
			p := strconv.Itoa(pid)
			wchan, err := os.ReadFile("/proc/" + p + "/wchan")
			if err != nil {
				t.Fatal(err)
			}
			want, got := string(wchan), rows[p]["task:wchan"]
			if want == "0" {
				continue // it does not sleep, or this kernel cannot tell
			}
			told++
			if got != want {
				complaints = append(complaints, fmt.Sprintf("process %s sleeps in %s, as /proc has it in %s", p, got, want))
			}
		}
		return complaints
	})
	if told == 0 && hasField(t, "task_struct", "__state") { // since 5.14, and get_wchan() since 5.16
		t.Error("no process could be compared")
	}
}
