// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// timeOffset is that of boot in the time namespaces of the zoo, in s.
const timeOffset = 100_000

const timedEnv = "ITERFS_ZOO_TIMED"

func init() {
	helpers["timed"] = func() {
		mustBe(os.Unsetenv(kindEnv))
		mustBe(execInTimeNS(os.Args[1], os.Args[1:]))
	}
}

// InTimeNS makes a program be run in a time namespace of its own, from Linux 6.3 on.
func InTimeNS(cmd *exec.Cmd) {
	cmd.Args = append([]string{"timed", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/proc/self/exe"
	cmd.Env = append(cmd.Environ(), kindEnv+"=timed")
}

// enterTimeNS is what a reader does first of all, and again when that has made it
// another program.
func enterTimeNS() {
	if os.Getenv(timedEnv) == "" {
		mustBe(os.Setenv(timedEnv, "1"))
		mustBe(execInTimeNS("/proc/self/exe", os.Args))
	}
	own, err := os.Readlink("/proc/self/ns/time")
	mustBe(err)
	if made, err := os.Readlink("/proc/self/ns/time_for_children"); err != nil || made != own {
		mustBe(fmt.Errorf("not in the time namespace: %s, %w", made, err))
	}
}

// execInTimeNS does so in a new namespace, which another program gets into: before Linux
// 6.3 none does.
func execInTimeNS(path string, args []string) error {
	if need.OlderThan(6, 3) {
		return unix.EINVAL
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return err
	}
	offsets := fmt.Sprintf("/proc/%d/timens_offsets", unix.Gettid())
	if err := os.WriteFile(offsets, fmt.Appendf(nil, "boottime %d 5000000", timeOffset), 0); err != nil {
		return err
	}
	return unix.Exec(path, args, os.Environ())
}
