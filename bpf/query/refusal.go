// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A Refusal says in a sentence why there is no such query. It is ENOENT: to a
// reader, the name of a query that cannot be is a name that does not exist.
type Refusal struct{ reason string }

func (r *Refusal) Error() string { return r.reason }
func (r *Refusal) Unwrap() error { return unix.ENOENT }

func refuse(format string, args ...any) error {
	return &Refusal{fmt.Sprintf(format, args...)}
}
