// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// usersClients are what another user runs.
var usersClients = []client{
	{"procps", []string{"ps"}, some},
	{"procps", []string{"ps", "-ef"}, everyone},
	{"procps", []string{"ps", "aux"}, everyone},
	{"procps", []string{"ps", "-eo", "pid:10,label,wchan:20,pidns,netns,exe:60,cgroup:60,min_flt,eip,esp,stackp,args"}, everyone},
	{"procps", []string{"top", "-b", "-n1", "-w512"}, everyone},
	{"procps", []string{"pgrep", "-a", "^"}, everyone},
	{"procps", []string{"pwdx", "ZOO"}, everyone},
	{"psmisc", []string{"pstree", "-apnlt"}, everyone},
	{"busybox-static", []string{"busybox", "ps"}, everyone},
}

// Another user is told by programs what the kernel's /proc would have them tell him.
func TestProcClientsOfUser(t *testing.T) {
	pids := slices.Collect(maps.Values(zoo.New(t)))
	root := newProc(t, "allow_other")
	need.Tool(t, "setpriv", "util-linux")
	user := []string{"setpriv", "--clear-groups", "--regid", strconv.Itoa(zooGroup), "--reuid", strconv.Itoa(zooUser)}
	for _, c := range usersClients {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			need.Tool(t, c.args[0], c.debianPackage)
			c.args = slices.Concat(user, c.args)
			c.compare(t, pids, root, c.run)
		})
	}
}

// ss reads where PROC_ROOT says, of sockets and of who has them, whatever /proc is.
func TestProcRootOfSS(t *testing.T) {
	ss := need.Tool(t, "ss", "iproute2")
	pids := slices.Collect(maps.Values(zoo.New(t)))
	root := newMount(t).path("proc")
	client{what: some}.compare(t, pids, root, func(t *testing.T, root string, _ []int) string {
		cmd := exec.Command(ss, "-tuanxp")
		cmd.Env = append(os.Environ(), "PROC_ROOT="+root)
		out, errs, _ := output(t, cmd)
		return out + errs
	})
}
