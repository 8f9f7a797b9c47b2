// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// many is how many cgroups are far more than one run of the iterator gives; in a
// virtual machine as many as make several runs.
func many() int {
	if os.Getenv("ITERFS_VM") != "" {
		return 800
	}
	return 2000
}

// checkPaths wants the paths of a table, in this order.
func checkPaths(t *testing.T, m *mount, file string, want []string) {
	t.Helper()
	var got []string
	for _, row := range table(t, m.read(t, file)) {
		got = append(got, row["PATH"])
	}
	if slices.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s has %d rows, want %d; row %d is %.100s, want %.100s", file, len(got), len(want), i, got[i], want[i])
		}
	}
	t.Fatalf("%s has %d rows, want %d", file, len(got), len(want))
}

// What does not fit in one run of the iterator comes whole and in order, whatever
// the shape of the tree.
func TestManyCgroups(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "cgroup", "cgroups")
	for shape, path := range map[string]func(i int) string{
		"flat": func(i int) string { return fmt.Sprintf("/sibling %d", i) },
		"deep": func(i int) string { return strings.Repeat("/d", i+1) },
		"comb": func(i int) string { return strings.Repeat("/d", i/2+1) + []string{"", "/tooth"}[i%2] },
		"bush": func(i int) string { return fmt.Sprintf("/%d/%d/%d", i/100, i/10%10, i) },
	} {
		t.Run(shape, func(t *testing.T) {
			c := zoo.NewCgroups(t)
			all := map[string]bool{}
			for i := range many() {
				c.Make(path(i))
				for p := path(i); p != "/" && p != ""; p = p[:strings.LastIndexByte(p, '/')] {
					all[p] = true
				}
			}
			want := []string{c.Path}
			visit(t, c.Dir, "", func(p string) { want = append(want, escaped.Replace(c.Path+p)) })
			if len(want) != len(all)+1 {
				t.Fatalf("made %d cgroups, cgroupfs has %d", len(all), len(want)-1)
			}
			checkPaths(t, m, "cgroups"+c.Path+"/table", want)
			// From far below, where the ancestors alone are more than one run gives.
			last := path(many() - 1)
			if shape == "deep" {
				last = path(many() * 3 / 4)
			}
			below := slices.DeleteFunc(slices.Clone(want), func(p string) bool {
				return !strings.HasPrefix(p+"/", escaped.Replace(c.Path+last)+"/")
			})
			checkPaths(t, m, "cgroups"+c.Path+last+"/table", below)
			if shape == "flat" {
				// Beside the cgroups: table, tasks, their twins, and iters.
				if got := len(list(t, m.path("cgroups"+c.Path))); got != many()+5 {
					t.Errorf("the directory lists %d entries, not the %d cgroups and 5 fixed ones", got, many())
				}
			}
		})
	}
}

// visit calls f for each cgroup below a directory of cgroupfs, in pre-order.
func visit(t testing.TB, dir, path string, f func(path string)) {
	t.Helper()
	for _, name := range cgroupsIn(t, dir+path) {
		f(path + "/" + name)
		visit(t, dir, path+"/"+name, f)
	}
}

// While cgroups come and go between them, those that stay come once, and in order.
func TestCgroupsThatStay(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "cgroup", "cgroups")
	c := zoo.NewCgroups(t)
	var stay []string
	for i := range 600 {
		path := fmt.Sprintf("/%d with a name of some length/%d/%d likewise of some length", i/100, i/10%10, i)
		c.Make(path)
	}
	visit(t, c.Dir, "", func(p string) { stay = append(stay, p) })
	done, stopped := make(chan struct{}), make(chan int)
	go func() {
		made := 0
		defer func() { stopped <- made }()
		var lives []string
		for rng := rand.New(rand.NewPCG(5, 6)); ; made++ {
			select {
			case <-done:
				return
			default:
			}
			path := c.Dir + stay[rng.IntN(len(stay))] + fmt.Sprintf("/passing %d", made)
			if os.Mkdir(path, 0o755) == nil {
				lives = append(lives, path)
			}
			if len(lives) > 50 {
				i := rng.IntN(len(lives))
				unix.Rmdir(lives[i])
				lives = slices.Delete(lives, i, i+1)
			}
		}
	}()
	rounds := 30
	if os.Getenv("ITERFS_VM") != "" {
		rounds = 5
	}
	for range rounds {
		seen, at := map[string]bool{c.Path: true}, 0
		for i, row := range table(t, m.read(t, "cgroups"+c.Path+"/table")) {
			path := row["PATH"]
			if i > 0 && seen[path] || !seen[path[:strings.LastIndexByte(path, '/')]] && i > 0 {
				t.Fatalf("%s comes twice, or before its parent", path)
			}
			seen[path] = true
			if at < len(stay) && path == escaped.Replace(c.Path+stay[at]) {
				at++
			}
		}
		if at < len(stay) {
			t.Fatalf("%s is missing, or not in its place", stay[at])
		}
	}
	close(done)
	if made := <-stopped; made < 100 {
		t.Errorf("only %d cgroups came and went", made)
	}
}

// Readers at once, each of another subtree, share the program and get their own.
func TestCgroupReadersAtOnce(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "cgroup", "cgroups")
	c := zoo.NewCgroups(t)
	const subtrees, each = 4, 300
	for i := range subtrees * each {
		c.Make(fmt.Sprintf("/%d/%d", i%subtrees, i))
	}
	rounds := 20
	if os.Getenv("ITERFS_VM") != "" {
		rounds = 2
	}
	var readers sync.WaitGroup
	for i := range 2 * subtrees {
		readers.Go(func() {
			path := fmt.Sprintf("%s/%d", c.Path, i%subtrees)
			for range rounds {
				text, err := os.ReadFile(m.path("cgroups" + path + "/table"))
				if err != nil {
					t.Error(err)
					return
				}
				lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")[1:]
				foreign := slices.ContainsFunc(lines, func(line string) bool { return !strings.Contains(line, " "+path) })
				if len(lines) != 1+each || foreign {
					t.Errorf("%d rows of %s, want %d, or some of another", len(lines), path, 1+each)
				}
			}
		})
	}
	readers.Wait()
}

// BenchmarkCgroups reads the table of 2,000 cgroups, and the files of cgroupfs that
// tell the same.
func BenchmarkCgroups(b *testing.B) {
	m := newMount(b)
	c := zoo.NewCgroups(b)
	for i := range 2000 {
		c.Make(fmt.Sprintf("/%d/%d/%d", i/100, i/10%10, i))
	}
	m.read(b, "cgroups/table")
	buf := make([]byte, 128<<10)
	rounds(b, m, []string{"iterfs", "native"},
		func() { readThrough(b, m.path("cgroups/table"), buf) },
		func() {
			filepath.WalkDir(c.Dir, func(path string, d os.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					for _, file := range []string{"threads", "stat", "events"} {
						readThrough(b, path+"/cgroup."+file, buf)
					}
					readThrough(b, path+"/cpu.stat", buf)
				}
				return err
			})
		})
}
