// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/iterfs/iterfs/tests/zoo"
)

// threadsInProc are the threads that a reader's own /proc has: process, thread,
// parent, each with its number there.
func threadsInProc(t *testing.T, r *zoo.Reader) (threads []string) {
	t.Helper()
	names, err := r.Do("list", "/proc")
	if err != nil {
		t.Fatal(err)
	}
	for process := range strings.SplitSeq(names, "\n") {
		if process[0] < '0' || process[0] > '9' || r.Level == 0 && hidden(process) {
			continue
		}
		tids, _ := r.Do("list", "/proc/"+process+"/task") // none when it has gone
		for thread := range strings.FieldsSeq(tids) {
			if stat, err := r.Do("read", "/proc/"+process+"/task/"+thread+"/stat"); err == nil {
				_, fields := splitStat([]byte(stat))
				threads = append(threads, process+" "+thread+" "+fields[1])
			}
		}
	}
	slices.Sort(threads)
	return threads
}

// Queries tell of the tasks of the reader's pid namespace, by their numbers there.
func TestSelectOfReader(t *testing.T) {
	m := newSharedMount(t)
	for _, kind := range []string{"root", "pid namespace", "pid namespace in another"} {
		r := zoo.NewReader(t, kind, m.dir)
		if r == nil {
			continue
		}
		if _, err := r.Do("child", ""); err != nil {
			t.Fatal(err)
		}
		rows := func(query string, columns ...string) (rows []string) {
			for _, row := range table(t, readAs(t, r, m.path("select/"+query))) {
				var values []string
				for _, c := range columns {
					values = append(values, row[c])
				}
				rows = append(rows, strings.Join(values, " "))
			}
			slices.Sort(rows)
			return rows
		}
		var all []string
		persistently(t, func() (complaints []string) {
			before := threadsInProc(t, r)
			all = rows("task/tgid,pid,real_parent.tgid", "tgid", "pid", "real_parent.tgid")
			after := threadsInProc(t, r)
			for _, thread := range before {
				if slices.Contains(after, thread) && !slices.Contains(all, thread) {
					complaints = append(complaints, fmt.Sprintf("%s has no thread %q", kind, thread))
				}
			}
			for _, thread := range all { // those of the machine come and go
				if r.Level > 0 && !slices.Contains(before, thread) && !slices.Contains(after, thread) {
					complaints = append(complaints, fmt.Sprintf("%s has a thread %q", kind, thread))
				}
			}
			return complaints
		})
		child := slices.IndexFunc(all, func(thread string) bool { return r.Level > 0 && strings.HasSuffix(thread, " 1") })
		if r.Level == 0 {
			continue
		}
		if child < 0 {
			t.Fatalf("%s has no child among %q", kind, all)
		}
		pid, _, _ := strings.Cut(all[child], " ")
		if got := rows("task/where/pid="+pid+"/tgid,comm", "tgid", "comm"); !slices.Equal(got, []string{pid + " sleep"}) {
			t.Errorf("%s: %s is %q", kind, pid, got)
		}
		if got, want := rows("task_file/count/task.tgid", "task.tgid"), []string{"1", pid}; !slices.Equal(got, want) {
			t.Errorf("%s: files are open in %q, want %q", kind, got, want)
		}
		if got := rows("task/count/tgid", "tgid"); !slices.Equal(got, []string{"1", pid}) {
			t.Errorf("%s counts processes %q", kind, got)
		}
		if !kernelHas(t, "bpf_iter__task_vma") {
			continue
		}
		if got := rows("task_vma/where/task.pid=1/count/task.tgid", "task.tgid"); !slices.Equal(got, []string{"1"}) {
			t.Errorf("%s: mappings of the first process are those of %q", kind, got)
		}
	}
}
