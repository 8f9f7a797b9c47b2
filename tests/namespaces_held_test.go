// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iterfs/iterfs/tests/zoo"
)

// As long as a file is open, the namespaces stay by which it was opened: no other can
// have their memory, and be taken for them.
func TestOpenFilesHoldNamespaces(t *testing.T) {
	m := newSharedMount(t)
	for kind, namespace := range map[string]string{"pid namespace": "pid", "user as root of a namespace": "user", "root": "pid"} {
		r := zoo.NewReader(t, kind, m.dir)
		if r == nil {
			continue
		}
		link, err := r.Do("readlink", "/proc/self/ns/"+namespace)
		if err != nil {
			t.Fatal(err)
		}
		held := func() (n int) {
			files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", m.cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				if target, err := os.Readlink(file); err == nil && target == link {
					n++
				}
			}
			return n
		}
		before := held()
		for _, file := range []string{"tasks/table", "tasks/stat"} {
			if _, err := r.Do("open", m.path(file)); err != nil {
				t.Fatal(err)
			}
		}
		want := 2
		if kind == "root" {
			want = 0 // the initial one never ends
		}
		if n := held() - before; n != want {
			t.Errorf("two files of %s hold %s %d times, want %d", kind, link, n, want)
		}
		if _, err := r.Do("close all", ""); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return held() == before }, "a closed file holds a namespace")
	}
}

// What has been opened in a network namespace tells of that one, whoever rewinds it.
func TestOpenFilesKeepTheirNetworkNamespace(t *testing.T) {
	m := newMount(t)
	ns := zoo.NewNetNS(t)
	ns.Connections(t, 3)
	for _, name := range []string{"net/tcp", "net/unix"} {
		var f *os.File
		err := ns.Do(func() (err error) { // on a thread that ends
			f, err = os.Open(m.path(name))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		first, err := io.ReadAll(f)
		if err != nil || name == "net/tcp" && strings.Count(string(first), "\n") < 6 {
			t.Fatalf("%s has only %q, %v", name, first, err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		again, err := io.ReadAll(f)
		if err != nil || string(again) != string(first) {
			t.Errorf("%s rewound by another is\n%s%v, it was\n%s", name, again, err, first)
		}
	}
}
