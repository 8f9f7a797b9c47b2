// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"os"
	"testing"

	"github.com/iterfs/iterfs/internal/measure"
)

// Herd makes n small idle processes that live until the test ends, each with the
// files open, and returns the pid of their parent.
func Herd(t testing.TB, n int, files ...*os.File) int {
	t.Helper()
	h, err := measure.NewHerd(n, files...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h.PID()
}
