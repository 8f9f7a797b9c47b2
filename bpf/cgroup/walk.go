// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// A walk is the records of a cgroup and all below it, in pre-order, each with the
// path in place of the name. Paths and levels are from the reader's root on. One run
// of the iterator gives no more than the kernel's buffer holds. Where it is cut, the
// walk goes on behind the cgroup that came last: with its descendants, then with the
// siblings behind it and theirs, then with those behind its parent, and so on up to
// where the walk began. Ids grow along a list of siblings, so that what is behind a
// cgroup can be told even when it has gone.
type walk struct {
	run       runner
	hierarchy uint32
	root      *bpf.CgroupRoot // of the reader

	chain []link // from the root down to the cgroup that came last, by level
	path  []byte // of that cgroup, "" for the root
	shown []byte // likewise, for the reader
	top   int    // the level where the walk began

	records bpf.Records // of the run under way, nil between two
	from    int         // the level of the cgroup where it started
	args    runArgs
	came    bool   // it gave something
	batch   []byte // what Next returned last; nil before anything came
}

// A link is a cgroup on the way down.
type link struct {
	id  uint64
	end int // of its path in that of the last
}

// A runner runs row_records from a cgroup on.
type runner func(from bpf.Key, order bpf.Order, args runArgs) (bpf.Records, error)

// newWalk begins at a cgroup, which is ESRCH when it has gone.
func newWalk(run runner, from bpf.Key, root *bpf.CgroupRoot) (*walk, error) {
	w := &walk{run: run, hierarchy: from.ID, root: root}
	up, err := w.climb(from)
	if gone(err) || err == nil && (len(up) == 0 || from.Birth != 0 && from.Birth != up[0].id) {
		err = unix.ESRCH
	}
	if err != nil {
		return nil, err
	}
	w.top = len(up) - 1
	for level := range up {
		c := up[w.top-level]
		w.descend(level, c.id, c.name)
	}
	w.from, w.args.Level = w.top, uint32(w.top) // with the first cgroup itself
	return w, nil
}

type ancestor struct {
	id   uint64
	name []byte
}

// climb returns a cgroup and its ancestors up to the root, over as many runs as
// it takes.
func (w *walk) climb(from bpf.Key) (up []ancestor, err error) {
	for {
		came := len(up)
		up, err = w.ancestors(up, from)
		if !errors.Is(err, unix.EOPNOTSUPP) || len(up) == came {
			return up, err
		}
		from.Birth = up[len(up)-1].id
	}
}

// ancestors appends a cgroup, unless it came last, and its ancestors as far as
// one run goes.
func (w *walk) ancestors(up []ancestor, from bpf.Key) ([]ancestor, error) {
	records, err := w.run(from, bpf.Ancestors, runArgs{})
	if err != nil {
		return up, err
	}
	defer records.Close()
	for {
		batch, err := records.Next(context.Background()) // the run is short
		if err == io.EOF {
			return up, nil
		}
		for err == nil && len(batch) > 0 {
			var c row
			var n int
			if c, n, err = decode[record](batch); err != nil {
				break
			}
			if len(up) == 0 || up[len(up)-1].id != c.rec.Id {
				up = append(up, ancestor{c.rec.Id, append([]byte(nil), c.name...)})
			}
			batch = batch[n:]
		}
		if err != nil {
			return up, err
		}
	}
}

// descend makes a cgroup of that level the one that came last.
func (w *walk) descend(level int, id uint64, name []byte) {
	w.chain = w.chain[:level]
	if level > 0 {
		w.path = append(w.path[:w.chain[level-1].end], '/')
		w.path = append(w.path, name...)
	}
	w.chain = append(w.chain, link{id, len(w.path)})
}

// Next is that of bpf.Records. It is ESRCH when the cgroup where the walk begins
// has gone.
func (w *walk) Next(ctx context.Context) ([]byte, error) {
	for w.from >= w.top {
		if w.records == nil {
			if err := w.start(); err != nil {
				return nil, err
			}
			continue
		}
		batch, err := w.records.Next(ctx)
		switch {
		case err == nil:
			w.came = true
			return w.place(batch)
		case err == io.EOF:
			w.ascend()
		case errors.Is(err, unix.EOPNOTSUPP) && w.came:
			w.from = len(w.chain) - 1
			w.args = runArgs{Level: uint32(w.from) + 1}
		default:
			return nil, err
		}
		w.stop()
	}
	if w.batch == nil {
		return nil, unix.ESRCH
	}
	return nil, io.EOF
}

// start runs the iterator at the level w.from. All below a cgroup that has gone
// has gone too.
func (w *walk) start() error {
	records, err := w.run(bpf.Key{ID: w.hierarchy, Birth: w.chain[w.from].id}, bpf.Descendants, w.args)
	if gone(err) {
		w.ascend()
		return nil
	}
	if err != nil {
		return err
	}
	w.records, w.came = records, false
	return nil
}

// ascend goes on with what is behind the cgroup whose descendants have all come.
func (w *walk) ascend() {
	w.args = runArgs{Level: uint32(w.from), After: w.chain[w.from].id}
	w.from--
}

// place puts each record's path behind it.
func (w *walk) place(batch []byte) ([]byte, error) {
	w.batch = w.batch[:0]
	for len(batch) > 0 {
		c, n, err := decode[record](batch)
		if err != nil {
			return nil, err
		}
		if int(c.rec.Level) > len(w.chain) {
			return nil, fmt.Errorf("cgroup %d comes before its parent", c.rec.Id)
		}
		w.descend(int(c.rec.Level), c.rec.Id, c.name)
		c.rec.Level -= uint32(w.root.Level())
		w.shown = w.root.Relative(append(w.shown[:0], w.path...), 0)
		w.batch = appendNamed(w.batch, c.rec, w.shown)
		batch = batch[n:]
	}
	return w.batch, nil
}

func (w *walk) stop() {
	if w.records != nil {
		w.records.Close()
		w.records = nil
	}
}

func (w *walk) Close() error {
	w.stop()
	return nil
}
