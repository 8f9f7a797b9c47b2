// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain runs the tests in namespaces of their own: of mounts, for whoever copies
// the machine's keeps what is mounted there, and of pids, for scans read them all.
func TestMain(m *testing.M) {
	const inside = "PROCFS_TEST_INSIDE"
	switch {
	case os.Getenv(serveOn) != "":
		serve(os.Getenv(serveOn))
	case os.Geteuid() != 0:
		os.Exit(m.Run()) // they are skipped
	case os.Getenv(inside) != "":
		err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		if err == nil {
			err = unix.Mount("proc", "/proc", "proc", 0, "")
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// herd makes n idle processes that live until the test ends.
func herd(t testing.TB, n int) {
	t.Helper()
	for range n {
		idle := exec.Command("sleep", "1000")
		if err := idle.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			idle.Process.Kill()
			idle.Wait()
		})
	}
}
