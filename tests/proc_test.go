// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/procdiff"
	"github.com/iterfs/iterfs/tests/zoo"
)

// The comparison has no complaints about the kernel's own procfs, and some about one
// that lies.
func TestProcdiffOfProcItself(t *testing.T) {
	need.Root(t)
	dir := openDir(t)
	bind(t, "/proc", dir)
	trees := zooTrees(t)
	c := procdiff.Comparison{Root: dir, Paths: []string{"."}, Trees: slices.Concat(trees[:20], topLevel(t))}
	compareWithProc(t, c)
	c.UID, c.GID = zooUser, zooUser+1
	compareWithProc(t, c)

	for lie, path := range map[string]string{"/proc/self/statm": "stat", "/proc/2": "fdinfo", "/proc/version": "version"} {
		if path != "version" {
			path = trees[0] + "/" + path
		}
		bind(t, lie, filepath.Join(dir, path))
		r, err := procdiff.Compare(procdiff.Comparison{Root: dir, Paths: []string{path}})
		if err != nil || (len(r.Differences) == 0) != (path == "version") {
			t.Errorf("%s in place of %s: %v, %q", lie, path, err, r.Differences)
		}
	}
}

// All that a program can find out about the zoo, kernel threads, itself and the
// machine is what the kernel says, however the drop-in is mounted and whoever looks.
func TestProcEqualsProcPathByPath(t *testing.T) {
	trees := zooTrees
	if os.Getenv("ITERFS_VM") != "" {
		trees = processTrees // few
	}
	all := trees(t)
	for _, options := range procMounts {
		t.Run(options, func(t *testing.T) {
			c := procdiff.Comparison{Root: newProc(t, options), Paths: []string{"."}, Trees: all}
			if options != "rw" {
				c.Trees = all[:min(20, len(all))]
			}
			compareWithProc(t, c)
			if options == "allow_other" {
				c.UID, c.GID = 4242, 4242
				compareWithProc(t, c)
				c.UID, c.GID, c.Trees = zooUser, zooGroup, all
				compareWithProc(t, c)
			}
			compareWithProc(t, procdiff.Comparison{Root: c.Root, Trees: topLevel(t)})
		})
	}
}

// bind mounts what is at a path on another, until the test ends.
func bind(t *testing.T, from, to string) {
	t.Helper()
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		t.Fatalf("bind %s on %s: %v", from, to, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(to, 0); err != nil {
			t.Error(err)
		}
	})
}

// zooUser is the other user of the zoo, zooGroup its group.
const zooUser, zooGroup = 1000, 1001

// procMounts are the options of mounts that differ in what is cached, and for whom.
var procMounts = []string{"rw", "freshness=0", "allow_other"}

// newProc mounts the drop-in for /proc.
func newProc(t *testing.T, options ...string) (root string) {
	t.Helper()
	return newMount(t, "-o", strings.Join(append(options, "layout=proc"), ",")).dir
}

// openDir makes a folder that other users reach too.
func openDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// zooTrees are the directories of all animals, and those of threads that have what
// others of their process do not.
func zooTrees(t *testing.T) (trees []string) {
	t.Helper()
	animals := zoo.New(t)
	for kind, pid := range animals {
		tree := strconv.Itoa(pid)
		trees = append(trees, tree)
		switch kind {
		case "plain", "namespaces twice", "zombie", "zombie leader":
			trees = append(trees, tree+"/net")
		}
	}
	return slices.Concat(trees, threadTrees(t, animals), kernelThreads(t), []string{"self", "thread-self"})
}

// threadTrees are the threads of some animals, of those that are odd in them.
func threadTrees(t *testing.T, animals map[string]int) (trees []string) {
	t.Helper()
	for _, kind := range []string{"odd threads", "threads", "zombie leader", "zombie", "other user", "namespaces twice"} {
		dir := strconv.Itoa(animals[kind]) + "/task/"
		for _, tid := range list(t, "/proc/"+dir) {
			trees = append(trees, dir+tid)
			if kind == "odd threads" {
				trees = append(trees, dir+tid+"/fd", dir+tid+"/net")
			}
		}
	}
	return trees
}

// kernelThreads are some of every kind that the machine has: those with other names
// before the slash.
func kernelThreads(t *testing.T) (pids []string) {
	t.Helper()
	kinds := map[string]bool{}
	for pid, stat := range native(t, "stat") {
		name, fields := splitStat([]byte(stat))
		kind, _, _ := strings.Cut(name, "/")
		if flags, _ := strconv.Atoi(fields[6]); flags&0x00200000 != 0 && !kinds[kind] { // PF_KTHREAD
			kinds[kind] = true
			pids = append(pids, pid)
		}
	}
	return pids
}

// topLevel are all entries that are not of processes.
func topLevel(t *testing.T) (trees []string) {
	t.Helper()
	return slices.DeleteFunc(list(t, "/proc"), func(name string) bool {
		_, err := strconv.Atoi(name)
		return err == nil
	})
}

func compareWithProc(t *testing.T, c procdiff.Comparison) {
	t.Helper()
	start := time.Now()
	r, err := procdiff.Compare(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v: %d paths, %d facts, moving %q, excepted %v", time.Since(start), r.Paths, r.Facts, r.Moving, r.Excepted)
	for _, d := range r.Differences {
		t.Error(d)
	}
}
