// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/native"
)

// root is the root directory of a caller, as far as paths show to it in another way
// than to the daemon; else nil, which can be closed too.
func (s *system) root(c fs.Caller) (*native.RootDir, error) {
	switch {
	case s.view.OfMount:
		return nil, nil
	case c.TID == 0:
		return nil, errInvisible
	}
	root, err := native.RootDirOf(c.TID)
	if err != nil || root == nil {
		return nil, err
	}
	device, err := root.Device()
	if err == nil && slices.Contains(s.devices, device) {
		err = errRootInTree
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// errRootInTree refuses whoever has made a directory of the tree its root: to go there the
// daemon would ask itself.
var errRootInTree = fmt.Errorf("the caller's root directory is in the tree: %w", unix.EACCES)

// belowRoot makes a content of which the paths begin at the root directory of a
// caller; after a rewind, of who has rewound it.
func (s *system) belowRoot(ctx context.Context, c fs.Caller, start func(*native.RootDir) (fs.Stream, error)) (fs.Stream, error) {
	root, err := s.root(begins(ctx, c))
	if err != nil {
		return nil, err
	}
	content, err := start(root)
	if err != nil || root == nil {
		root.Close()
		return content, err
	}
	return &rooted{content, root}, nil
}

// rooted is a content that has a root directory of its own.
type rooted struct {
	fs.Stream
	root *native.RootDir
}

func (r *rooted) Close() error {
	defer r.root.Close()
	return r.Stream.Close()
}
