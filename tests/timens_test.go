// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// The daemon's procfs can show other times since boot than those of a reader, and of the
// kernel itself. Each reader has those of his own; the drop-in is the daemon's procfs.
func TestDaemonInTimeNamespace(t *testing.T) {
	need.Root(t)
	if _, err := os.Stat("/proc/self/ns/time"); err != nil || need.OlderThan(6, 3) {
		t.Skip("no time namespaces here, or before Linux 6.3, where no program gets into one that it makes")
	}
	m := newMountAs(t, zoo.InTimeNS)
	r := zoo.NewReader(t, "time namespace", m.dir) // with the daemon's offset
	if r == nil {
		t.Fatal("no reader in a time namespace")
	}
	pid := strconv.Itoa(childrenOf(t, zoo.Herd(t, 1))[0])
	readers := map[string]func(path string) (string, error){
		"a reader in the initial time namespace": func(path string) (string, error) {
			text, err := os.ReadFile(path)
			return string(text), err
		},
		"a reader in a time namespace": func(path string) (string, error) { return r.Do("read", path) },
	}
	began := map[string]string{}
	for who, read := range readers {
		native, err := read("/proc/" + pid + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		began[who] = zoo.StartOf(native)
		for _, file := range []string{"stat", "task/" + pid + "/stat", "limits", "cmdline"} {
			want, err := read("/proc/" + pid + "/" + file)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := read(m.path("tasks/" + pid + "/" + file)); got != want || err != nil {
				t.Errorf("%s of %s is\n%s%v, natively\n%s", file, who, got, err, want)
			}
		}
		rows, err := read(m.path("tasks/table"))
		if err != nil {
			t.Fatal(err)
		}
		if ms := rowOf(t, rows, pid)["START_MS"]; len(ms) < 2 || ms[:len(ms)-1] != began[who] {
			t.Errorf("START_MS of %s is %s, natively %s", who, ms, began[who])
		}
		all, err := read(m.path("tasks/stat"))
		if err != nil || !strings.Contains("\n"+all, "\n"+native) {
			t.Errorf("tasks/stat of %s has no line\n%s%v", who, native, err)
		}
	}
	if began["a reader in a time namespace"] == began["a reader in the initial time namespace"] {
		t.Errorf("the namespaces are the same: %v", began)
	}
	for range 3 { // from a scan, too
		names := list(t, m.path("proc"))
		for _, name := range names {
			os.ReadFile(m.path("proc/" + name + "/stat"))
		}
		if got := zoo.StartOf(m.read(t, "proc/"+pid+"/stat")); got != began["a reader in a time namespace"] {
			t.Errorf("in proc/ the process began at %s, natively %s", got, began["a reader in a time namespace"])
		}
		if _, err := os.Stat(m.path("proc/" + pid + "/task/" + pid)); err != nil {
			t.Error(err)
		}
	}
}

// With ns=mount times are those of the daemon's namespace, whoever reads.
func TestTimesOfMount(t *testing.T) {
	m := newSharedMount(t, "-o", "ns=mount")
	r := zoo.NewReader(t, "time namespace", m.dir)
	if r == nil {
		t.Skip("no reader in a time namespace, as the log says; TestDaemonInTimeNamespace tells whether there has to be one")
	}
	pid := strconv.Itoa(childrenOf(t, zoo.Herd(t, 1))[0])
	want := zoo.StartOf(readFile(t, "/proc/"+pid+"/stat"))
	if other := zoo.StartOf(readAs(t, r, "/proc/"+pid+"/stat")); other == want {
		t.Fatalf("the namespaces are the same: %s", other)
	}
	if got := zoo.StartOf(readAs(t, r, m.path("tasks/"+pid+"/stat"))); got != want {
		t.Errorf("the process began at %s, for the daemon at %s", got, want)
	}
}
