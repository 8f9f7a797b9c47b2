// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMedian(t *testing.T) {
	got := median([]Cost{{3, 10}, {1, 30}, {2, 20}})
	if want := (Cost{2, 20}); got != want {
		t.Errorf("%v, not %v", got, want)
	}
}

// Rounds calls each run as often as the others, in turn, and ends with the first
// error or its context.
func TestRounds(t *testing.T) {
	var order strings.Builder
	run := func(name string, wall time.Duration) Run {
		return func() (Cost, error) { order.WriteString(name); return Cost{Wall: wall}, nil }
	}
	costs, err := Rounds(t.Context(), 3, 0, run("a", 1), run("b", 2))
	if err != nil || order.String() != "ababab" || costs[0].Wall != 1 || costs[1].Wall != 2 {
		t.Errorf("%v, %v in the order %s", costs, err, &order)
	}
	broken := errors.New("broken")
	if _, err := Rounds(t.Context(), 1, 0, func() (Cost, error) { return Cost{}, broken }); err != broken {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	if _, err := Rounds(ctx, 1, time.Hour, run("c", 1)); err != broken {
		t.Error(err)
	}
}

// burn is a script that uses CPU time and says how much.
const burn = `i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; times`

// What a process uses is counted, its daemon's share too, and what only sleeps costs
// nothing but time.
func TestCosts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a mount namespace")
	}
	place, err := NewPlace("")
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	one, err := Timed(0, place.Programs(1, "/bin/sh", "-c", burn))()
	if err != nil {
		t.Fatal(err)
	}
	three, err := Timed(0, place.Programs(3, "/bin/sh", "-c", burn))()
	if err != nil {
		t.Fatal(err)
	}
	if one.CPU == 0 || one.Wall < one.CPU/2 || three.CPU < 2*one.CPU || three.CPU > 6*one.CPU {
		t.Errorf("one takes %v, three %v", one, three)
	}
	sleeping, err := Timed(0, func() error { time.Sleep(50 * time.Millisecond); return nil })()
	if err != nil || sleeping.Wall < 50*time.Millisecond || sleeping.CPU > 40*time.Millisecond {
		t.Errorf("sleep takes %v, %v", sleeping, err)
	}
	// On a loaded machine the daemon may seem at rest before it has had a turn.
	var served Cost
	for range 10 {
		if served = afterwards(t); served.CPU >= one.CPU/3 {
			break
		}
	}
	if served.CPU < one.CPU/3 {
		t.Errorf("a daemon that works afterwards counts %v; by itself it takes %v", served, one)
	}
	if err := place.Programs(1, "/bin/sh", "-c", "exit 1")(); err != nil {
		t.Errorf("a search without success: %v", err)
	}
	if err := place.Programs(1, "/bin/sh", "-c", "exit 2")(); err == nil {
		t.Error("a failure is none")
	}
}

// afterwards measures a daemon that goes on when whoever asked it has ended.
func afterwards(t *testing.T) Cost {
	daemon := exec.Command("/bin/sh", "-c", "read x; "+burn+" >/dev/null; read x")
	in, err := daemon.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer daemon.Wait()
	defer in.Close()
	c, err := Timed(daemon.Process.Pid, func() error { _, err := fmt.Fprintln(in); return err })()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Programs in a place find our directory as /proc; nobody else does.
func TestPlace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a mount namespace")
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/ours", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	place, err := NewPlace(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := place.Programs(1, "/bin/sh", "-c", "test -e /proc/ours || exit 2")(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("/proc/ours"); err == nil {
		t.Error("/proc is ours everywhere")
	}
	place.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

// A herd has as many processes as it says, and leaves none.
func TestHerd(t *testing.T) {
	before := children(t, os.Getpid())
	h, err := NewHerd(30)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(children(t, h.PID())); got != 30 {
		t.Errorf("%d processes, not 30", got)
	}
	group := h.PID()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(-group, 0); err != unix.ESRCH {
		t.Errorf("some are left: %v", err)
	}
	if after := children(t, os.Getpid()); len(after) != len(before) {
		t.Errorf("%v are left", after)
	}
}

func children(t *testing.T, pid int) []string {
	t.Helper()
	var all []string
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		of, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			t.Skip("the kernel does not list children: ", err)
		}
		all = append(all, strings.Fields(string(of))...)
	}
	return all
}

// Everything that reads does read, and says what is not there.
func TestReading(t *testing.T) {
	buf := Buffer()
	for name, err := range map[string]error{
		"whole": Whole("/proc/self/stat", buf), "first": First("/proc/self/stat", buf), "list": List("/proc"),
		"each": Each("/proc", "stat", buf), "links": Links("/proc", "fd", buf), "scan": Scan("/proc", buf),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	seen := false
	self := fmt.Sprint(os.Getpid())
	if err := eachProcess("/proc", func(_ int, pid string) { seen = seen || pid == self }); err != nil || !seen {
		t.Errorf("this process is not among those listed (%v)", err)
	}
	for name, err := range map[string]error{
		"whole": Whole("/proc/no", buf), "first": First("/proc/no", buf), "list": List("/proc/no"), "scan": Scan("/proc/no", buf),
	} {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
