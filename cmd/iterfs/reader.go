// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/task"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/fs/rights"
	"github.com/iterfs/iterfs/native"
)

// reader is who asks, and what that means for the tree's files.
func (s *system) reader(c fs.Caller) bpf.Reader {
	shown := c.TID
	if s.view.OfMount {
		shown = uint32(os.Getpid())
	}
	r := bpf.Reader{UID: c.UID, GID: c.GID, TID: c.TID, Shown: shown}
	r.Identify = once(func(ctx context.Context) (*bpf.Identity, error) { return s.identify(ctx, c) })
	r.IDs = once(func(ctx context.Context) (*bpf.IDs, error) { return s.ids(ctx, r) })
	r.CgroupRoots = once(func(ctx context.Context) (bpf.CgroupRoots, error) { return task.FindCgroupRoots(ctx, s, r) })
	r.NetNS = func() (*os.File, error) { return netNS(c.TID) }
	return r
}

// once returns a function that calls f until that succeeds, and then repeats the answer. A
// failure may be that of one request, which was interrupted.
func once[T any](f func(context.Context) (T, error)) func(context.Context) (T, error) {
	var mu sync.Mutex
	var known bool
	var value T
	return func(ctx context.Context) (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if known {
			return value, nil
		}
		found, err := f(ctx)
		if err == nil {
			value, known = found, true
		}
		return found, err
	}
}

// ids are a reader's numbers of users and groups, if they are others than the daemon's.
func (s *system) ids(ctx context.Context, r bpf.Reader) (*bpf.IDs, error) {
	identity, err := r.Identify(ctx)
	if err != nil {
		return nil, err
	}
	own, err := s.daemon(ctx)
	if err != nil || identity.UserNS == own.UserNS || s.view.OfMount {
		return nil, err
	}
	ids := &bpf.IDs{}
	for name, extents := range map[string]*[]bpf.Extent{"uid_map": &ids.Users, "gid_map": &ids.Groups} {
		text, err := native.ReadFile(fmt.Sprintf("%d/%s", r.TID, name))
		if err == nil {
			*extents, err = bpf.ParseExtents(string(text))
		}
		if err != nil {
			return nil, fmt.Errorf("find the reader's user ids: %w", err)
		}
	}
	for name, id := range map[string]*uint32{"overflowuid": &ids.OverflowUser, "overflowgid": &ids.OverflowGroup} {
		text, err := native.ReadFile("sys/kernel/" + name)
		if err == nil {
			_, err = fmt.Sscan(string(text), id)
		}
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// identify finds out who a caller is, who waits for the answer meanwhile.
func (s *system) identify(ctx context.Context, c fs.Caller) (*bpf.Identity, error) {
	if c.TID == 0 && !s.view.OfMount {
		return nil, errInvisible
	}
	identity := &bpf.Identity{FSUID: c.UID, FSGID: c.GID, EUID: math.MaxUint32} // of one whom nobody sees: no rights
	if c.TID != 0 {
		var err error
		if identity, err = task.Identify(ctx, s, c.TID); err != nil {
			return nil, err
		}
	}
	if s.view.OfMount {
		own, err := s.daemon(ctx)
		if err != nil {
			return nil, err
		}
		identity.PIDNS, identity.PIDLevel = own.PIDNS, own.PIDLevel
		identity.NativeNS, identity.NativeLevel = own.NativeNS, own.NativeLevel
		identity.CgroupNS, identity.BootOffset = own.CgroupNS, own.BootOffset
	}
	if s.view.HidePID == bpf.ShowPtraceable || s.view.HidePID != bpf.HideNothing && !inGroup(c, identity, s.view.GID) {
		identity.Hide = uint32(s.view.HidePID)
	}
	return identity, nil
}

// daemon is the daemon as a reader: it sees everything, with its own numbers.
func (s *system) daemon(ctx context.Context) (*bpf.Identity, error) {
	s.ownMu.Lock()
	defer s.ownMu.Unlock()
	if s.own == nil {
		own, err := task.Identify(ctx, s, uint32(os.Getpid()))
		if err != nil {
			return nil, err
		}
		s.own = own
	}
	return s.own, nil
}

// inGroup reports whether a caller's files are of a group, or the caller in it, as
// in_group_p() of the kernel.
func inGroup(c fs.Caller, identity *bpf.Identity, gid uint32) bool {
	if identity.FSGID == gid {
		return true
	}
	groups, err := rights.Groups(c.TID)
	return err == nil && slices.Contains(groups, gid)
}
