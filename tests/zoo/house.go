// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
)

// A house is where the animals live that all tests look at: what is to be done at the
// end of a test is done by Run.
type house struct {
	testing.TB // that they are born in
	pids       map[string]int
	missing    []string

	mu       sync.Mutex
	cleanups []func()
	dirs     []string
	failed   bool
}

var (
	opening sync.Mutex
	common  *house
)

// holdingMounts are the kinds that have mount namespaces. As long as one lives no mount
// can end that was there when it was born: they go with the test.
var holdingMounts = []string{"files", "mappings", "namespaces twice"}

// New returns the pids of animals, one of each kind, that tests look at and do nothing
// to. Most are born once, and live until Run ends. Those that this kernel or sandbox does
// not allow are left out, and the test's log says so.
func New(t testing.TB) map[string]int {
	t.Helper()
	opening.Lock()
	defer opening.Unlock()
	if common == nil {
		common = &house{TB: t}
		common.populate()
	}
	if common.pids == nil {
		t.Fatal("there is no zoo, as the test says that was to make it")
	}
	pids, missing := births(t, holdingMounts)
	for _, reason := range slices.Concat(common.missing, missing) {
		t.Log(reason)
	}
	maps.Copy(pids, common.pids)
	return pids
}

// Run runs the tests of a program that call New, ends the animals that live so long, and
// returns the program's exit status.
func Run(m *testing.M) int {
	status := m.Run()
	h := common
	if h == nil {
		return status
	}
	for _, f := range slices.Backward(h.cleanups) {
		f()
	}
	for _, dir := range h.dirs {
		if err := os.RemoveAll(dir); err != nil {
			h.Error(err)
		}
	}
	if h.failed {
		return 1
	}
	return status
}

func (h *house) populate() {
	kinds := slices.Collect(maps.Keys(allAnimals()))
	pids, missing := births(h, slices.DeleteFunc(kinds, func(kind string) bool { return slices.Contains(holdingMounts, kind) }))
	if cpuset := newCpuset(h); cpuset == nil {
		missing = append(missing, `no animal "cpuset": no hierarchy here gives cpusets`)
	} else {
		pids["cpuset"] = One(h, "plain")
		cpuset.Move("", pids["cpuset"])
	}
	h.pids, h.missing = pids, missing
}

// births makes an animal of each kind, and says why of some there is none.
func births(t testing.TB, kinds []string) (pids map[string]int, missing []string) {
	type birth struct {
		kind string
		pid  int
		err  error
	}
	born := make(chan birth)
	for _, kind := range kinds {
		go func() {
			pid, err := start(t, kind)
			born <- birth{kind, pid, err}
		}()
	}
	pids = map[string]int{}
	for range kinds {
		if b := <-born; b.err != nil {
			missing = append(missing, fmt.Sprintf("no animal %q: %v", b.kind, b.err))
		} else {
			pids[b.kind] = b.pid
		}
	}
	return pids, missing
}

// Cleanup is what goes before.
func (h *house) Cleanup(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cleanups = append(h.cleanups, f)
}

func (h *house) TempDir() string {
	dir, err := os.MkdirTemp("", "zoo")
	if err != nil {
		h.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dirs = append(h.dirs, dir)
	return dir
}

// Error tells of what goes wrong when the test has ended.
func (h *house) Error(args ...any) {
	h.failed = true
	fmt.Fprintln(os.Stderr, args...)
}
