// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"testing"
)

// self and thread-self lead each reader to the directory that is his own by his
// numbers, in the tree of all namespaces as in the procfs of his.
func TestSelfOfReaders(t *testing.T) {
	m := newSharedMount(t)
	for _, r := range readers(t, m) {
		for _, ask := range []struct{ do, name string }{
			{"readlink", "self"}, {"readlink", "thread-self"}, {"read", "self/comm"}, {"read", "self/cmdline"}, {"read", "thread-self/comm"},
		} {
			want, wantErr := r.Do(ask.do, "/proc/"+ask.name)
			got, err := r.Do(ask.do, r.Tree+"/tasks/"+ask.name)
			if got != want || err != wantErr {
				t.Errorf("%s of tasks/%s by %s: %q, %v, in procfs %q, %v", ask.do, ask.name, r.Kind, got, err, want, wantErr)
			}
		}
	}
}
