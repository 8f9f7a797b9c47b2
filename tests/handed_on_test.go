// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// A descriptor that its opener hands on to somebody with fewer rights gives no more
// than one of procfs: stat hides what io refuses.
func TestDescriptorsHandedOn(t *testing.T) {
	m := newSharedMount(t)
	pid := zoo.One(t, "plain")
	for _, file := range []string{"stat", "io"} {
		open := func(path string) *os.File {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			return f
		}
		ours, theirs := open(m.path(fmt.Sprintf("tasks/%d/%s", pid, file))), open(fmt.Sprintf("/proc/%d/%s", pid, file))
		read := func(f *os.File, uid int) (content string, err error) {
			b := make([]byte, 4096)
			err = as(t, uid, uid, func() error {
				n, err := unix.Pread(int(f.Fd()), b, 0)
				content = string(b[:max(n, 0)])
				return err
			})
			return content, err
		}
		for _, uid := range []int{zooUser, 0} {
			got, gotErr := read(ours, uid)
			want, wantErr := read(theirs, uid)
			if !errors.Is(gotErr, wantErr) || comparable(file, got) != comparable(file, want) {
				t.Errorf("%s for %d: %v, %q, natively %v, %q", file, uid, gotErr, got, wantErr, want)
			}
		}
		if file == "stat" {
			hidden, _ := read(ours, zooUser)
			shown, _ := read(ours, 0)
			if comparable(file, hidden) == comparable(file, shown) || !strings.HasPrefix(hidden, fmt.Sprint(pid)) {
				t.Errorf("nothing is hidden: %q", hidden)
			}
		}
	}
}
