// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/native"
)

// newCpuset makes a cgroup whose processes have one CPU, and the memory that this
// process has; nil where no hierarchy gives its cgroups CPUs.
func newCpuset(t testing.TB) *Cgroups {
	t.Helper()
	roots := hierarchies(t, givesCpusets)
	if len(roots) == 0 {
		return nil
	}
	var cpus unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpus); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	nodes, _ := native.StatusField(status, "Mems_allowed_list")
	last := len(cpus)*64 - 1
	for !cpus.IsSet(last) {
		last--
	}
	c := newCgroups(t, roots[0], "cpuset")
	c.Write("cpuset.cpus", strconv.Itoa(last))
	c.Write("cpuset.mems", string(nodes)) // v1 takes no process before
	return c
}

func givesCpusets(m *mountinfo.Info) bool {
	switch m.FSType {
	case "cgroup":
		return slices.Contains(strings.Split(m.VFSOptions, ","), "cpuset")
	case "cgroup2":
		controllers, _ := os.ReadFile(m.Mountpoint + "/cgroup.subtree_control")
		return slices.Contains(strings.Fields(string(controllers)), "cpuset")
	}
	return false
}
