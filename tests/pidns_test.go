// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
	"github.com/iterfs/iterfs/tests/need"
)

// asInProc compares the tree $1 with /proc, of a process that idles.
const asInProc = `
mount -t proc proc /proc || exit
sleep 1000 & idle=$!
until [ "$(cut -d' ' -f3 /proc/$idle/stat)" = S ]; do :; done
for dir in $1/tasks $1/proc; do
	for file in stat status limits cgroup comm maps cmdline oom_score task/$idle/comm; do
		[ "$(cat $dir/$idle/$file | tr '\0' ' ')" = "$(cat /proc/$idle/$file | tr '\0' ' ')" ] || echo "$file differs in $dir"
	done
	for link in $idle/exe $idle/cwd $idle/ns/pid; do
		[ "$(readlink $dir/$link)" = "$(readlink /proc/$link)" ] || echo "$link differs in $dir"
	done
	[ "$(sh -c 'echo $$; exec readlink $0/self' $dir | uniq | wc -l)" = 1 ] || echo "self is another in $dir"
	[ -d $dir/1/fd ] || echo "$dir has no process 1"
done
grep -q "^ *$idle " $1/tasks/table || echo "there is no row of $idle"
kill $idle
`

// A daemon in a pid namespace whose /proc is that of another shows the processes of its
// own, by their numbers there.
func TestDaemonInPIDNamespace(t *testing.T) {
	need.Root(t)
	m := newMountAs(t, func(daemon *exec.Cmd) { daemon.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID} })
	err := thread.Do(func() error { // whose children are in the namespace
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/pid", m.cmd.Process.Pid))
		if err != nil {
			return err
		}
		defer ns.Close()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWPID); err != nil {
			return err
		}
		cmd := exec.Command("sh", "-c", asInProc, "sh", m.dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
		out, err := cmd.CombinedOutput()
		if len(out) > 0 {
			t.Errorf("in the namespace: %s", out)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
