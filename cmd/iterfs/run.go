// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/loader"
	"github.com/iterfs/iterfs/native"
)

// run starts a program in a place.
func (s *system) run(ctx context.Context, p *place, r fs.Request) (fs.Stream, error) {
	o, err := s.objectIn(r, 2)
	if err != nil {
		return nil, err
	}
	name, suffix := last(r).Name, ""
	if i := strings.IndexByte(name, '.'); i >= 0 {
		name, suffix = name[:i], name[i:]
	}
	program := o.Program(name)
	if program == nil {
		return nil, fmt.Errorf("the object has no program %s any more: %w", name, unix.ENOENT)
	}
	var params bpf.Params
	if program.Target == "cgroup" {
		params.Order = orders[suffix]
	}
	if p == everything && slices.Contains(mapTargets, program.Target) {
		return nil, fmt.Errorf("it needs a map: read it as maps/ID/iters/%s/%s: %w", o.Name, name, unix.EINVAL)
	}
	if p.narrow != nil {
		release, err := p.narrow(r.Objects[len(r.Objects)-3], &params)
		if err != nil {
			return nil, err
		}
		if release != nil {
			defer release.Close()
		}
	}
	ns, err := s.opener(ctx, r).NetNS()
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	params.NetNS = ns
	return s.belowRoot(ctx, r.Caller, func(root *native.RootDir) (fs.Stream, error) {
		params.Root = root
		stream, err := o.Run(name, params)
		if err != nil {
			return nil, err
		}
		return &output{stream: stream, ended: func(ctx context.Context, some bool, err error) error {
			if err == io.EOF && !some && p.exists != nil {
				err = cmp.Or(p.check(ctx, r), err) // it has nothing to tell of, or nothing to say
			}
			return s.failed(r, err)
		}}, nil
	})
}

// failed adds what went wrong with a user's program to iters/errors.
func (s *system) failed(r fs.Request, err error) error {
	switch errno := fs.Errno(err); errno {
	case 0, unix.EINTR, unix.ENOENT, unix.ESRCH:
		return err
	}
	s.user.Failures.Add(r.Objects[len(r.Objects)-2].Name+"/"+last(r).Name, err)
	return fs.Told(err)
}

// check is ESRCH when the object of a place has gone, or its number has another.
func (p *place) check(ctx context.Context, r fs.Request) error {
	r.Objects = r.Objects[:len(r.Objects)-2]
	o := last(r)
	r.Objects = r.Objects[:len(r.Objects)-1]
	for now, err := range p.exists(ctx, r, o.Name) {
		if err != nil {
			return err
		}
		if now.Name == o.Name && now.Birth == o.Birth {
			return nil
		}
	}
	return unix.ESRCH
}

// output is what a program writes, as it is.
type output struct {
	stream *loader.Stream
	ended  func(ctx context.Context, some bool, err error) error
	rest   []byte
	some   bool // there was output
}

// Append appends what there is room for.
func (o *output) Append(ctx context.Context, dst []byte) ([]byte, error) {
	if len(o.rest) == 0 {
		var err error
		if o.rest, err = o.stream.Next(ctx); err != nil {
			return dst, o.ended(ctx, o.some, err)
		}
		o.some = true
	}
	n := min(len(o.rest), max(cap(dst)-len(dst), minAppend))
	dst = append(dst, o.rest[:n]...)
	o.rest = o.rest[n:]
	return dst, nil
}

// minAppend is what is appended at least.
const minAppend = 4 << 10

func (o *output) Close() error { return o.stream.Close() }
