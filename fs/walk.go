// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links a walk follows, as in the kernel.
const maxLinks = 40

// Walk finds a path below the root without a mount, following links.
func (t *Tree) Walk(ctx context.Context, c Caller, name string) (*Node, error) {
	n := t.Root()
	rest := strings.Split(path.Clean("/"+name), "/")
	links := 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		if part == "" {
			continue
		}
		next, err := n.Lookup(ctx, c, part)
		if err != nil {
			return nil, err
		}
		if next.tmpl.entry.Link == nil {
			n = next
			continue
		}
		if links++; links > maxLinks {
			return nil, unix.ELOOP
		}
		target, err := next.Readlink(ctx, c)
		if err != nil {
			return nil, err
		}
		// Links of the tree are relative and lead to a place beside them.
		rest = append(strings.Split(target, "/"), rest...)
	}
	return n, nil
}
