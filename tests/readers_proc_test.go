// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// inDrop is what readers do in proc/.
var inDrop = map[string][]string{
	"%d":      {"stat", "list"},
	"%d/task": {"stat", "list"},
	"%d/stat": {"read"}, "%d/status": {"read"}, "%d/statm": {"read"}, "%d/cmdline": {"read"},
	"%d/comm": {"read"}, "%d/cgroup": {"read"}, "%d/maps": {"read"}, "%d/io": {"read"}, "%d/environ": {"read"},
	"%d/limits": {"read"}, "%d/auxv": {"read"}, "%d/wchan": {"read"}, "%d/stack": {"read"}, "%d/uid_map": {"read"},
	"%d/fd": {"list", "links"}, "%d/fdinfo": {"list"}, "%d/map_files": {"list"}, "%d/ns": {"links"},
	"%d/exe": {"readlink"}, "%d/cwd": {"readlink"}, "%d/root": {"readlink"},
	"%d/net/unix": {"read"}, "%d/net/tcp": {"read"},
	"self": {"readlink"}, "thread-self": {"readlink"}, "self/comm": {"read"}, "self/status": {"read"},
	"uptime": {"read"}, "mounts": {"readlink"}, "kallsyms": {"stat"}, "sys/kernel/hostname": {"read"}, "1/root": {"readlink"},
	"net/tcp": {"read"}, "net/unix": {"read"}, "tty/drivers": {"read"}, "version": {"read", "stat"},
}

// proc/ is to each reader what another procfs of the mount's pid namespace is to him,
// whose own may be of another.
func TestReadersInProc(t *testing.T) {
	m := newSharedMount(t)
	native := t.TempDir()
	if err := unix.Mount("/proc", native, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(native, unix.MNT_DETACH)
	animals := someAnimals(t)
	delete(animals, "this test") // it is at work
	told, refused := 0, 0
	compare := func(r *zoo.Reader, op, path string) {
		if agree(t, r, do(op), m.dir+"/proc/"+path, native+"/"+path) == nil {
			told++
		} else {
			refused++
		}
	}
	for _, r := range readers(t, m) {
		if r.Tree != m.dir {
			continue // he does not see the other one
		}
		for path, ops := range inDrop {
			for _, op := range ops {
				if strings.Contains(path, "%d") {
					for _, pid := range animals {
						compare(r, op, fmt.Sprintf(path, pid))
					}
				} else {
					compare(r, op, path)
				}
			}
		}
	}
	if told < 1000 || refused < 500 {
		t.Errorf("only %d were told, %d refused", told, refused)
	}
}
