// SPDX-License-Identifier: Apache-2.0

package bpf

import "testing"

func TestRelative(t *testing.T) {
	for _, test := range []struct{ path, root, want string }{
		{"/", "", "/"},
		{"/a/b", "", "/a/b"},
		{"/a/b", "/a/b", "/"},
		{"/a/b/c", "/a/b", "/c"},
		{"/a", "/a/b", "/.."},
		{"/", "/a/b", "/../.."},
		{"/a/c", "/a/b", "/../c"},
		{"/ab/c", "/a/b", "/../../ab/c"},
		{"/x", "/a/b/c/d", "/../../../../x"},
	} {
		root := NewCgroupRoot(1, []byte(test.root))
		if got := string(root.Relative([]byte("0::"+test.path), 3)); got != "0::"+test.want {
			t.Errorf("%s from %s is %s, want %s", test.path, test.root, got, test.want)
		}
	}
}
