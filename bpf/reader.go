// SPDX-License-Identifier: Apache-2.0

package bpf

import "context"

// A Reader is who opened the file, as the daemon's user and pid namespace number
// it. TID is a thread.
type Reader struct {
	UID, GID, TID uint32
	Identify      Identify
}

// Capable reports whether the reader has a capability over the whole machine, as
// capable() of the kernel decides it. Of a reader who cannot be looked at it says
// no.
func (r Reader) Capable(capability int) bool {
	i, err := r.Identify(context.Background())
	return err == nil && i.Capable(capability)
}
