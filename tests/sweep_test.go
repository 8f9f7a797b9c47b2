// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/task"
	"github.com/iterfs/iterfs/loader"
	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// programs is as much of a bpf.System as a sweep asks for.
type programs struct {
	bpf.System
	loader *loader.Loader
}

func newPrograms(t testing.TB) programs {
	t.Helper()
	need.Root(t)
	p := programs{loader: loader.New()}
	t.Cleanup(p.loader.Close)
	return p
}

func (p programs) Run(t *bpf.Target, program string, params bpf.Params) (bpf.Records, error) {
	return p.loader.Run(t, program, params)
}

// everything is what a reader sees who has all rights in the initial namespaces.
func everything(context.Context) (*bpf.Identity, error) {
	return &bpf.Identity{Capabilities: math.MaxUint64}, nil
}

const allSwept = 1<<task.NumSwept - 1

// sweep returns what a sweep tells, with memory of its own, by pid.
func (p programs) sweep(t testing.TB, files uint32, running ...uint32) map[string]task.Process {
	t.Helper()
	processes, last := map[string]task.Process{}, uint32(0)
	sweep := task.Sweep{Reader: everything, Files: files, Running: running}
	err := sweep.Run(context.Background(), p, func(q *task.Process) {
		if q.PID <= last {
			t.Errorf("%d comes behind %d", q.PID, last)
		}
		last = q.PID
		own := *q
		for i, content := range q.Files {
			own.Files[i] = bytes.Clone(content)
		}
		processes[strconv.Itoa(int(q.PID))] = own
	})
	if err != nil {
		t.Fatal(err)
	}
	return processes
}

var sweptFiles = [task.NumSwept]string{"stat", "status", "statm", "cmdline"}

// A sweep has the bytes of procfs, or says that it has not.
func TestSweepEqualsProc(t *testing.T) {
	p := newPrograms(t)
	animals := zoo.New(t)
	var pids []int
	for _, pid := range animals {
		pids = append(pids, pid)
	}
	unknown := map[string]bool{}
	for _, files := range []uint32{allSwept, 1 << task.Statm, 1 << task.Cmdline} {
		for i, file := range sweptFiles {
			if files>>i&1 == 0 {
				continue
			}
			compare(t, fmt.Sprintf("%s in a sweep of %#x", file, files), func() map[string]string {
				texts := map[string]string{}
				for pid, q := range p.sweep(t, files) {
					texts[pid] = string(q.Files[i])
					if q.Files[i] == nil {
						text, _ := os.ReadFile("/proc/" + pid + "/" + file)
						texts[pid] = string(text)
						unknown[file+" of "+pid] = true
					}
				}
				return texts
			}, file, pids)
		}
	}
	if !kernelHas(t, "bpf_iter_task_vma_new") {
		return // older ones lack this and that, of many processes
	}
	for kind, pid := range animals {
		for _, file := range sweptFiles {
			odd := file == "status" && (kind == "many groups" || kind == "deep namespaces") ||
				file == "cmdline" && (kind == "long argv" || kind == "argv of 4353" || kind == "title of two pages")
			if is := unknown[fmt.Sprintf("%s of %d", file, pid)]; is != odd {
				t.Errorf("%s of %s is left to the real file: %v", file, kind, is)
			}
		}
	}
}

// Whose the directory of a process is and when it began are as in procfs.
func TestSweepListsProcesses(t *testing.T) {
	p := newPrograms(t)
	animals := zoo.New(t)
	processes := p.sweep(t, 0)
	for kind, pid := range animals {
		name := strconv.Itoa(pid)
		q := processes[name]
		uid, gid := owner(t, "/proc/"+name)
		if strconv.Itoa(int(q.UID)) != uid || strconv.Itoa(int(q.GID)) != gid {
			t.Errorf("%s is owned by %d:%d, in /proc by %s:%s", kind, q.UID, q.GID, uid, gid)
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		if _, fields := splitStat(stat); fields[19] != strconv.FormatUint(q.Start/1e7, 10) {
			t.Errorf("%s: start %d, in stat %s", kind, q.Start, fields[19])
		}
		for file, content := range q.Files {
			if content != nil {
				t.Errorf("%s has %s, which was not asked for", kind, sweptFiles[file])
			}
		}
	}
}

// Who waits for a sweep is shown as one who runs, and nothing else of him changes.
func TestSweepShowsReadersRunning(t *testing.T) {
	p := newPrograms(t)
	pid := zoo.One(t, "plain")
	name := strconv.Itoa(pid)
	asleep, awake := p.sweep(t, allSwept)[name], p.sweep(t, allSwept, 1<<30, uint32(pid))[name]
	want := strings.Replace(string(asleep.Files[task.Status]), "\tS (sleeping)\n", "\tR (running)\n", 1)
	if got := string(awake.Files[task.Status]); got != want || !strings.Contains(got, "R (running)") {
		t.Errorf("status is\n%swant\n%s", got, want)
	}
	if asleep.Files[task.Stat] == nil {
		t.Skip("this kernel's stat unwinds stacks")
	}
	_, before := splitStat(asleep.Files[task.Stat])
	_, after := splitStat(awake.Files[task.Stat])
	if after[0] != "R" || after[32] != "0" {
		t.Errorf("state %s, wchan %s", after[0], after[32])
	}
	after[0], after[32] = before[0], before[32]
	if !slices.Equal(before, after) || before[0] != "S" {
		t.Errorf("stat is %q, was %q", after, before)
	}
	for _, file := range []int{task.Statm, task.Cmdline} {
		if !bytes.Equal(asleep.Files[file], awake.Files[file]) {
			t.Errorf("%s is %q, was %q", sweptFiles[file], awake.Files[file], asleep.Files[file])
		}
	}
}
