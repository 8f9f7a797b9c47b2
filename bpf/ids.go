// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"strings"
)

// IDs are the numbers that users and groups have in a user namespace. Whoever has
// none there has the overflow id, as from_kuid_munged() of the kernel has it. Nil are
// the daemon's own numbers.
type IDs struct {
	Users, Groups               []Extent
	OverflowUser, OverflowGroup uint32
}

// An Extent is Count ids in a row: First in the namespace is Lower in the daemon's.
type Extent struct{ First, Lower, Count uint32 }

// ParseExtents takes what uid_map or gid_map of procfs has.
func ParseExtents(text string) (extents []Extent, err error) {
	for line := range strings.Lines(text) {
		var e Extent
		if _, err := fmt.Sscan(line, &e.First, &e.Lower, &e.Count); err != nil {
			return nil, fmt.Errorf("the map of ids has the line %q: %w", line, err)
		}
		extents = append(extents, e)
	}
	return extents, nil
}

// UID is the number of a user of the daemon's namespace.
func (i *IDs) UID(id uint32) uint32 {
	if i == nil {
		return id
	}
	return mapped(i.Users, id, i.OverflowUser)
}

// GID is the number of a group of the daemon's namespace.
func (i *IDs) GID(id uint32) uint32 {
	if i == nil {
		return id
	}
	return mapped(i.Groups, id, i.OverflowGroup)
}

func mapped(extents []Extent, id, overflow uint32) uint32 {
	for _, e := range extents {
		if id-e.Lower < e.Count && id >= e.Lower {
			return id - e.Lower + e.First
		}
	}
	return overflow
}
