// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// Counts and sums are what one gets by counting the rows.
func TestSelectCounts(t *testing.T) {
	m := newMount(t)
	zoo.New(t)
	mine := fmt.Sprintf("task/where/real_parent.tgid=%d/", os.Getpid())
	persistently(t, func() (complaints []string) {
		counts, sums := map[string]int{}, map[string]int{}
		for _, row := range table(t, m.read(t, "select/"+mine+"cred.uid,policy,signal.nr_threads")) {
			key := row["cred.uid"] + " " + row["policy"]
			counts[key]++
			n, _ := strconv.Atoi(row["signal.nr_threads"])
			sums[key] += n
		}
		last := 1 << 30
		rows := table(t, m.read(t, "select/"+mine+"count/cred.uid,policy"))
		for _, row := range rows {
			key := row["cred.uid"] + " " + row["policy"]
			if row["COUNT"] != strconv.Itoa(counts[key]) {
				complaints = append(complaints, fmt.Sprintf("%s: %s rows are counted, there are %d", key, row["COUNT"], counts[key]))
			}
			n, _ := strconv.Atoi(row["COUNT"])
			if n > last {
				complaints = append(complaints, fmt.Sprintf("the larger count comes later: %v", rows))
			}
			last = n
		}
		if len(rows) != len(counts) {
			complaints = append(complaints, fmt.Sprintf("%d groups, not %d", len(rows), len(counts)))
		}
		for _, row := range table(t, m.read(t, "select/"+mine+"sum/signal.nr_threads/by/cred.uid,policy")) {
			key := row["cred.uid"] + " " + row["policy"]
			if row["SUM"] != strconv.Itoa(sums[key]) || row["COUNT"] != strconv.Itoa(counts[key]) {
				complaints = append(complaints, fmt.Sprintf("%s: sum %s of %s, want %d of %d", key, row["SUM"], row["COUNT"], sums[key], counts[key]))
			}
		}
		return complaints
	})
}

// queryPrograms counts the programs of queries in the kernel.
func queryPrograms(t testing.TB) (n int) {
	t.Helper()
	for id := ebpf.ProgramID(0); ; n++ {
		var err error
		for name := ""; name != "query"; {
			if id, err = ebpf.ProgramGetNextID(id); errors.Is(err, os.ErrNotExist) {
				return n
			}
			p, err := ebpf.NewProgramFromID(id)
			if err != nil {
				continue
			}
			info, err := p.Info()
			p.Close()
			if err != nil {
				t.Fatal(err)
			}
			name = info.Name
		}
	}
}

// Few programs stay in the kernel however much is asked, and many readers of one
// query share one.
func TestSelectKeepsFewPrograms(t *testing.T) {
	m := newMount(t)
	before := queryPrograms(t)
	var readers sync.WaitGroup
	for range 16 {
		readers.Go(func() { os.ReadFile(m.path("select/task/pid,tgid")) })
	}
	readers.Wait()
	if n := queryPrograms(t) - before; n != 1 {
		t.Errorf("%d programs for one query", n)
	}
	links := links(t)
	queries := 200
	if os.Getenv("ITERFS_VM") != "" {
		queries = 70
	}
	for i := range queries {
		m.read(t, fmt.Sprintf("select/bpf_map/where/id=%d/id", i))
	}
	if n := queryPrograms(t) - before; n > 64 {
		t.Errorf("%d programs are kept", n)
	}
	eventually(t, func() bool { return len(linksSince(t, links)) == 0 }, "links are left")
}

// Readers who count at once do not disturb each other.
func TestSelectCountsAtOnce(t *testing.T) {
	m := newMount(t)
	query := fmt.Sprintf("select/task/where/real_parent.tgid=%d/count/comm", zoo.Herd(t, 200))
	want := m.read(t, query)
	if row := table(t, want); len(row) != 1 || row[0]["COUNT"] != "200" {
		t.Errorf("a herd of 200 is %v", row)
	}
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 10 {
				if got := m.read(t, query); got != want {
					t.Errorf("counted %q, alone %q", got, want)
				}
			}
		})
	}
	readers.Wait()
}

// More groups than the map holds are an error, not fewer groups.
func TestSelectTooManyGroups(t *testing.T) {
	if os.Getenv("ITERFS_VM") != "" {
		t.Skip("takes more processes than a virtual machine bears")
	}
	m := newMount(t)
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	files := make([]*os.File, 700)
	for i := range files {
		files[i] = null
	}
	herd := zoo.Herd(t, 100, files...)
	if _, err := os.ReadFile(m.path("select/task_file/count/task.tgid,fd")); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("70,000 groups: %v", err)
	}
	// What was left of them does not come up again.
	rows := table(t, m.read(t, fmt.Sprintf("select/task_file/where/task.real_parent.tgid=%d/count/file.f_inode.i_rdev:dev", herd)))
	if len(rows) == 0 || rows[0]["file.f_inode.i_rdev:dev"] != "1:3" || rows[0]["COUNT"] < "70000" {
		t.Errorf("%v", rows)
	}
	if log := m.read(t, "select/errors"); !strings.Contains(log, "65536") {
		t.Errorf("select/errors does not tell of it: %s", log)
	}
}

// The cgroups come whole, however many: their ids are the inode numbers of their
// directories.
func TestSelectManyCgroups(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "cgroup", "select/cgroup")
	c := zoo.NewCgroups(t)
	want := map[string]string{}
	for i := range many() {
		name := fmt.Sprintf("some cgroup %d", i)
		c.Make(name)
		var st unix.Stat_t
		if err := unix.Stat(c.Dir+"/"+name, &st); err != nil {
			t.Fatal(err)
		}
		want[strconv.FormatUint(st.Ino, 10)] = strings.ReplaceAll(name, " ", `\040`)
	}
	rows := m.selected(t, `cgroup/where/kn.name~some\040cgroup/kn.id,kn.name,level`, "kn.id")
	if len(rows) != len(want) {
		t.Errorf("%d rows, %d cgroups", len(rows), len(want))
	}
	for id, name := range want {
		if rows[id]["kn.name"] != name {
			t.Errorf("cgroup %s is %v, not %s", id, rows[id], name)
		}
	}
	last := 0
	for _, row := range table(t, m.read(t, "select/cgroup/kn.id")) {
		id, _ := strconv.Atoi(row["kn.id"])
		if id <= last {
			t.Fatalf("id %d comes after %d", id, last)
		}
		last = id
	}
	if count := table(t, m.read(t, `select/cgroup/where/kn.name~some\040cgroup/count/level`)); len(count) != 1 || count[0]["COUNT"] != strconv.Itoa(many()) {
		t.Errorf("counted %v", count)
	}
}
