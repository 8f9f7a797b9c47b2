// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/native"
)

// An opener is who opened a file, as found out then, for as long as it is open. His
// namespaces stay that long, as those of a procfs do: programs compare them by where
// they are in the kernel, and the file may have been handed on and outlive him, whose
// number is another's by then. What asks for a request alone needs none of it: there the
// reader waits for the answer.
type opener struct {
	bpf.Reader
	namespaces []*os.File
	netNS      *os.File
}

// opener is the reader who opened the request's file. After a rewind the paths of cgroups
// begin for him where they do for who has rewound it.
func (s *system) opener(ctx context.Context, r fs.Request) bpf.Reader {
	if r.Opened == nil {
		return s.reader(r.Caller)
	}
	if kept, ok := r.Opened.Kept.(*opener); ok {
		reader := kept.Reader
		reader.CgroupRoots = s.reader(begins(ctx, r.Caller)).CgroupRoots
		return reader
	}
	reader := s.reader(r.Caller)
	o := &opener{Reader: reader}
	o.Identify = once(func(ctx context.Context) (*bpf.Identity, error) {
		identity, err := reader.Identify(ctx)
		if err == nil {
			err = o.hold(identity)
		}
		return identity, err
	})
	netNS := once(func(context.Context) (ns *os.File, err error) {
		o.netNS, err = reader.NetNS()
		return o.netNS, err
	})
	o.NetNS = func() (*os.File, error) {
		ns, err := netNS(context.Background())
		if err != nil {
			return nil, err
		}
		return bpf.Dup(ns)
	}
	r.Opened.Kept = o
	return o.Reader
}

// hold opens the namespaces that are below the initial ones, which never end.
func (o *opener) hold(identity *bpf.Identity) error {
	for name, level := range map[string]uint32{"pid": identity.PIDLevel, "user": identity.UserLevel} {
		if level == 0 || o.TID == 0 {
			continue
		}
		f, err := native.Open(fmt.Sprintf("%d/ns/%s", o.TID, name))
		if err != nil {
			return fmt.Errorf("hold the reader's %s namespace: %w", name, err)
		}
		o.namespaces = append(o.namespaces, f)
	}
	return nil
}

// Close lets the namespaces go.
func (o *opener) Close() error {
	for _, f := range o.namespaces {
		f.Close()
	}
	o.netNS.Close()
	return nil
}
