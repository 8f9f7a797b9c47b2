// SPDX-License-Identifier: Apache-2.0

package task

import "testing"

func TestRelative(t *testing.T) {
	for _, test := range []struct{ path, root, want string }{
		{"/", "/", "/"},
		{"/a/b", "/", "/a/b"},
		{"/a/b", "/a/b", "/"},
		{"/a/b/c", "/a/b", "/c"},
		{"/a", "/a/b", "/.."},
		{"/", "/a/b", "/../.."},
		{"/a/c", "/a/b", "/../c"},
		{"/ab/c", "/a/b", "/../../ab/c"},
	} {
		if got := string(relative([]byte("0::"+test.path), 3, test.root)); got != "0::"+test.want {
			t.Errorf("%s from %s is %s, want %s", test.path, test.root, got, test.want)
		}
	}
}
