// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"context"
	"io"

	"github.com/iterfs/iterfs/bpf"
)

type child = cgroupChildRecord

// children is the bpf.Objects.Run of the v2 hierarchy.
func children(r bpf.Request, name string) (bpf.Records, error) {
	if r.Object != nil {
		return childrenOf(r, *r.Object, name)
	}
	root, err := rootOf(r, 0)
	if err != nil {
		return nil, err
	}
	return childrenOf(r, keyOf(0, root), name)
}

func childrenOf(r bpf.Request, parent bpf.Key, name string) (bpf.Records, error) {
	l := &listing{run: func(args runArgs) (bpf.Records, error) {
		return run(r.System, r.Target, childRecords, parent, bpf.Self, args)
	}}
	args := l.args.Name[:len(l.args.Name)-1]
	for i := range min(len(name), len(args)) {
		args[i] = int8(name[i])
	}
	if err := l.start(); err != nil {
		return nil, err
	}
	return l, nil
}

// A listing is the records of a cgroup's children, over as many runs as it takes.
type listing struct {
	run     func(runArgs) (bpf.Records, error)
	args    runArgs
	records bpf.Records
	more    bool // children did not fit in the run
}

func (l *listing) start() error {
	records, err := l.run(l.args)
	if err != nil {
		return err
	}
	l.records, l.more = records, false
	return nil
}

// Next returns records that all have a name.
func (l *listing) Next(ctx context.Context) ([]byte, error) {
	for {
		batch, err := l.records.Next(ctx)
		if err == nil {
			return l.whole(batch)
		}
		if err != io.EOF || !l.more {
			return nil, err
		}
		l.records.Close()
		if err := l.start(); err != nil {
			return nil, err
		}
	}
}

// whole remembers the last child, and takes off the record that says there are more.
func (l *listing) whole(batch []byte) ([]byte, error) {
	for at := 0; at < len(batch); {
		c, n, err := decode[child](batch[at:])
		if err != nil {
			return nil, err
		}
		if c.rec.Id == 0 {
			l.more = true
			return batch[:at], nil
		}
		l.args.After = c.rec.Id
		at += n
	}
	return batch, nil
}

func (l *listing) Close() error { return l.records.Close() }

// decodeChildren is the bpf.Objects.Decode of both kinds of hierarchy.
func decodeChildren(batch []byte, yield func(bpf.Object) bool) error {
	for len(batch) > 0 {
		c, n, err := decode[child](batch)
		if err != nil {
			return err
		}
		if !yield(bpf.Object{
			Key:  bpf.Key{ID: c.rec.Hierarchy, Birth: c.rec.Id},
			Name: string(c.name),
			UID:  c.rec.Uid, GID: c.rec.Gid,
		}) {
			return nil
		}
		batch = batch[n:]
	}
	return nil
}
