// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"context"
	"os"
)

// A Reader is who opened the file, as the daemon's user and pid namespace number
// it. TID is a thread.
type Reader struct {
	UID, GID, TID uint32
	// Shown is the thread whose namespaces are shown: its own or, if the mount says
	// so, the daemon's.
	Shown    uint32
	Identify Identify
	// IDs returns how the reader's user namespace numbers users and groups.
	IDs func(ctx context.Context) (*IDs, error)
	// CgroupRoots returns where the paths of cgroups begin for the reader.
	CgroupRoots func(ctx context.Context) (CgroupRoots, error)
	// NetNS opens the reader's network namespace; nil, which can be closed too, is the
	// daemon's.
	NetNS func() (*os.File, error)
}

// Capable reports whether the reader has a capability over the whole machine, as
// capable() of the kernel decides it. Of a reader who cannot be looked at it says
// no.
func (r Reader) Capable(capability int) bool {
	i, err := r.Identify(context.Background())
	return err == nil && i.Capable(capability)
}
