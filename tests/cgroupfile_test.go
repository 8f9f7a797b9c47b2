// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// sleeper starts a process; end makes it a zombie.
func sleeper(t testing.TB) (pid int, end func()) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "read x")
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	return cmd.Process.Pid, func() {
		stdin.Close()
		for range 500 {
			if stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid)); strings.Contains(string(stat), ") Z ") {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("process %d does not end", cmd.Process.Pid)
	}
}

func TestCgroupFile(t *testing.T) {
	need.Root(t)
	t.Run("v2", func(t *testing.T) { checkCgroupFile(t, zoo.NewCgroups(t), "/gone (deleted)\n") })
	t.Run("v1", func(t *testing.T) {
		c, hierarchy := zoo.NewCgroupsV1(t)
		checkCgroupFile(t, c, ":"+hierarchy+":/\n")
	})
}

// checkCgroupFile looks at a process in an ordinary cgroup, one in a cgroup deeper
// than a program follows, and an ended one whose cgroup is gone, which is shown so.
func checkCgroupFile(t *testing.T, c *zoo.Cgroups, gone string) {
	var pids []int
	for _, path := range []string{"a b\\/" + strings.Repeat("x", 200), strings.Repeat("d/", 300) + "d", "gone"} {
		c.Make(path)
		pid, end := sleeper(t)
		c.Move(path, pid)
		pids = append(pids, pid)
		if path != "gone" {
			continue
		}
		end()
		if err := unix.Rmdir(c.Dir + "/gone"); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid)); err != nil || !strings.Contains(string(text), gone) {
			t.Fatalf("the ended process's cgroup is %q, %v", text, err)
		}
	}
	m := newMount(t)
	compare(t, "tasks/cgroup", func() map[string]string { return headed(t, m.read(t, "tasks/cgroup")) }, "cgroup", pids)
	compare(t, "tasks/<pid>/cgroup", func() map[string]string { return m.single(t, "cgroup") }, "cgroup", pids)
}
