// SPDX-License-Identifier: Apache-2.0

package need

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Release is that of the running kernel, as uname -r tells it.
func Release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		panic(err) // it fails for a bad address alone
	}
	return unix.ByteSliceToString(u.Release[:])
}

// OlderThan reports whether the running kernel is of a release before.
func OlderThan(major, minor int) bool {
	var have [2]int
	if n, err := fmt.Sscanf(Release(), "%d.%d", &have[0], &have[1]); n < 2 {
		panic(fmt.Sprintf("a release %q: %v", Release(), err))
	}
	return have[0] < major || have[0] == major && have[1] < minor
}
