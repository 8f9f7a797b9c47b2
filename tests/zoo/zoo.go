// SPDX-License-Identifier: Apache-2.0

// Package zoo makes what tests look at: odd processes, herds of ordinary ones,
// network namespaces with routes of every kind. All but New's goes with the test.
package zoo

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// kindEnv makes the test's own program become an animal of that kind.
const kindEnv = "ITERFS_ZOO"

// The pipes of an animal: it tells its pid on ready and lives until alive ends,
// which is when its keeper is gone.
const (
	readyFD = 3
	aliveFD = 4
)

func init() {
	if os.Getenv(kindEnv) != "" {
		runtime.LockOSThread() // main then runs on the process's first thread
	}
}

// helpers are animals that others start, or a test by a function of its own.
var helpers = map[string]func(){}

// Init is to be called first in TestMain. In an animal it does not return.
func Init() {
	kind := os.Getenv(kindEnv)
	if kind == "" {
		return
	}
	debug.SetGCPercent(-1) // an idle animal uses no CPU at all
	if be := allAnimals()[kind]; be != nil {
		be()
	}
	if be := helpers[kind]; be != nil {
		be()
	}
	if number, ok := strings.CutPrefix(kind, connectionsKind); ok {
		connections(number)
	}
	fmt.Fprintf(os.Stderr, "no animal is a %q\n", kind)
	os.Exit(2)
}

// ready tells the keeper which process to look at.
func ready(pid int) {
	fmt.Fprintf(os.NewFile(readyFD, "ready"), "%d\n", pid)
	unix.Close(readyFD)
}

// idle sleeps until the keeper is gone, in a system call and with no timer.
func idle() {
	var b [1]byte
	for {
		if n, err := unix.Read(aliveFD, b[:]); n == 0 && err == nil {
			os.Exit(0)
		}
	}
}

func setComm(name string) {
	b := append([]byte(name), 0)
	if err := prctlName(b); err != nil {
		panic(err)
	}
}

// allAnimals are those of all files here.
func allAnimals() map[string]func() {
	all := maps.Clone(animals)
	maps.Copy(all, holders)
	return all
}

// One makes an animal of a kind that every kernel allows, and returns its pid.
func One(t testing.TB, kind string) int {
	t.Helper()
	pid, err := start(t, kind)
	if err != nil {
		t.Fatalf("no animal %q: %v", kind, err)
	}
	return pid
}

// start makes an animal that lives until the test ends.
func start(t testing.TB, kind string) (int, error) {
	t.Helper()
	readyR, readyW, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer readyR.Close()
	aliveR, aliveW, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), kindEnv+"="+kind)
	cmd.Args = arguments(kind)
	cmd.ExtraFiles = []*os.File{readyW, aliveR}
	cmd.Stderr = os.Stderr
	if holders[kind] != nil {
		cmd.Dir = t.TempDir()
	}
	cmd.SysProcAttr = attributes(kind)
	err = cmd.Start()
	readyW.Close()
	aliveR.Close()
	if err != nil {
		aliveW.Close()
		return 0, err
	}
	t.Cleanup(func() {
		aliveW.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(readyR).ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("it never was ready: %w", err)
	}
	if reason, failed := strings.CutPrefix(line, "!"); failed {
		return 0, fmt.Errorf("%s", strings.TrimSpace(reason))
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err == nil && kind == "stopped" {
		err = unix.Kill(pid, unix.SIGSTOP)
	}
	if err == nil && kind != "restless" {
		err = settle(pid)
	}
	return pid, err
}
