// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// A node is a cgroup of a kernel that is made up.
type node struct {
	id       uint64
	name     string
	parent   *node
	children []*node
	level    int
	stays    bool
}

// A kernel runs row_records over made-up cgroups; a run gives no more than room
// records.
type kernel struct {
	nodes  map[uint64]*node
	root   *node
	lastID uint64
	room   int
	runs   int
	change func() // between two runs
}

func newKernel(room int) *kernel {
	k := &kernel{nodes: map[uint64]*node{}, room: room, change: func() {}}
	k.root = k.add(nil, true)
	return k
}

func (k *kernel) add(parent *node, stays bool) *node {
	k.lastID += uint64(1 + k.lastID%3)
	n := &node{id: k.lastID, name: fmt.Sprintf("n%d", k.lastID), parent: parent, stays: stays}
	if parent != nil {
		parent.children = append(parent.children, n)
		n.level = parent.level + 1
	}
	k.nodes[n.id] = n
	return n
}

func (k *kernel) remove(n *node) {
	n.parent.children = slices.DeleteFunc(n.parent.children, func(c *node) bool { return c == n })
	delete(k.nodes, n.id)
}

func (n *node) path() string {
	if n.parent == nil {
		return ""
	}
	return n.parent.path() + "/" + n.name
}

// visit is in pre-order.
func (n *node) visit(f func(*node)) {
	f(n)
	for _, c := range n.children {
		c.visit(f)
	}
}

func (k *kernel) run(from bpf.Key, order bpf.Order, args runArgs) (bpf.Records, error) {
	k.runs++
	k.change()
	start := k.nodes[from.Birth]
	if from.Birth == 0 {
		start = k.root
	}
	if start == nil {
		return nil, unix.ENOENT
	}
	r := &cut{}
	give := func(n *node) {
		if r.given++; r.given <= k.room {
			r.batch = appendNamed(r.batch, &record{Id: n.id, Level: uint32(n.level)}, []byte(n.name))
		}
	}
	if order == bpf.Ancestors {
		for n := start; n != nil; n = n.parent {
			give(n)
		}
	} else {
		start.visit(func(n *node) {
			at := n
			for at.level > int(args.Level) {
				at = at.parent
			}
			if n.level >= int(args.Level) && at.id > args.After {
				give(n)
			}
		})
	}
	r.end = io.EOF
	if r.given > k.room {
		r.end = fmt.Errorf("read: %w", unix.EOPNOTSUPP)
	}
	return r, nil
}

// cut is one batch of records and how the run ends.
type cut struct {
	batch []byte
	given int
	end   error
}

func (c *cut) Next(context.Context) ([]byte, error) {
	if len(c.batch) == 0 {
		return nil, c.end
	}
	batch := c.batch
	c.batch = nil
	return batch, nil
}

func (c *cut) Close() error { return nil }

// walked returns the paths that a walk gives.
func walked(t *testing.T, k *kernel, at *node) (paths []string) {
	t.Helper()
	w, err := newWalk(k.run, bpf.Key{Birth: at.id}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for {
		batch, err := w.Next(context.Background())
		if err == io.EOF {
			return paths
		}
		if err != nil {
			t.Fatal(err)
		}
		for len(batch) > 0 {
			r, n, err := decode[record](batch)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, string(r.name))
			batch = batch[n:]
		}
	}
}

// grow adds cgroups at random, or below the last one.
func (k *kernel) grow(rng *rand.Rand, n int, deep bool) (all []*node) {
	all = []*node{k.root}
	for range n {
		parent := all[len(all)-1]
		if !deep {
			parent = all[rng.IntN(len(all))]
		}
		all = append(all, k.add(parent, true))
	}
	return all
}

// A walk gives all, once and in order, whatever a run holds and wherever it begins.
func TestWalk(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, room := range []int{2, 3, 7, 100, 1000} {
		for _, deep := range []bool{false, true} {
			k := newKernel(room)
			all := k.grow(rng, 150, deep)
			for _, at := range []*node{k.root, all[1], all[75], all[150]} {
				var want []string
				at.visit(func(n *node) { want = append(want, n.path()) })
				if got := walked(t, k, at); !slices.Equal(got, want) {
					t.Errorf("room for %d, deep %v: %d paths from %s, want %d", room, deep, len(got), at.path(), len(want))
				}
			}
		}
	}
}

// Between any two runs cgroups go, the one that came last among them, and others
// come. Those that stay come once and in order, and each comes behind its parent.
func TestWalkWhileTreeChanges(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 3))
		k := newKernel(2 + rng.IntN(6))
		stay := k.grow(rng, 30, seed%3 == 0)
		var passing []*node
		k.change = func() {
			for range rng.IntN(12) {
				if i := rng.IntN(len(passing) + 1); i < len(passing) && len(passing[i].children) == 0 {
					k.remove(passing[i])
					passing = slices.Delete(passing, i, i+1)
				}
			}
			for range rng.IntN(8) {
				parents := append(slices.Clone(stay), passing...)
				if k.runs < 500 {
					passing = append(passing, k.add(parents[rng.IntN(len(parents))], false))
				}
			}
		}
		var want []string
		k.root.visit(func(n *node) {
			if n.stays {
				want = append(want, n.path())
			}
		})
		seen := map[string]bool{}
		for _, path := range walked(t, k, k.root) {
			if seen[path] || path != "" && !seen[path[:strings.LastIndexByte(path, '/')]] {
				t.Fatalf("seed %d: %s comes again, or before its parent", seed, path)
			}
			seen[path] = true
			if len(want) > 0 && path == want[0] {
				want = want[1:]
			}
		}
		if len(want) > 0 {
			t.Fatalf("seed %d: %s is missing, or not in its place", seed, want[0])
		}
	}
}

func TestWalkOfWhatIsGone(t *testing.T) {
	k := newKernel(2)
	leaf := k.grow(rand.New(rand.NewPCG(1, 1)), 5, true)[5]
	w, err := newWalk(k.run, bpf.Key{Birth: leaf.id}, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.remove(leaf)
	if _, err := w.Next(context.Background()); err != unix.ESRCH {
		t.Errorf("gone before the first record: %v", err)
	}
	if _, err := newWalk(k.run, bpf.Key{Birth: leaf.id}, nil); err != unix.ESRCH {
		t.Errorf("gone before: %v", err)
	}
}
