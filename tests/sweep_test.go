// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
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

func (p programs) Call(t *bpf.Target, program string, ctx []byte) error {
	return p.loader.Call(t, program, ctx)
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
	persistently(t, func() (complaints []string) {
		var texts [2][task.NumSwept]string
		for i, running := range []uint32{1 << 30, uint32(pid)} {
			for file, content := range p.sweep(t, allSwept, running)[name].Files {
				texts[i][file] = steadyText(string(content))
			}
		}
		want := texts[0]
		want[task.Status] = strings.Replace(want[task.Status], "\tS (sleeping)\n", "\tR (running)\n", 1)
		if want[task.Stat] != "" { // older kernels' stat unwinds stacks
			comm, fields := splitStat([]byte(want[task.Stat]))
			fields[0], fields[32] = "R", "0" // wchan
			want[task.Stat] = fmt.Sprintf("%d (%s) %s\n", pid, comm, strings.Join(fields, " "))
		}
		if want[task.Status] == texts[0][task.Status] {
			complaints = append(complaints, "it does not sleep: "+want[task.Status])
		}
		for file, text := range want {
			if texts[1][file] != text {
				complaints = append(complaints, fmt.Sprintf("%s is\n%s\nwant\n%s", sweptFiles[file], texts[1][file], text))
			}
		}
		return complaints
	})
}

// Who lists the processes of the drop-in and then reads a file of each gets what
// procfs has, wherever it comes from.
func TestScansEqualProc(t *testing.T) {
	m := newMount(t)
	var pids []int
	for _, pid := range zoo.New(t) {
		pids = append(pids, pid)
	}
	for _, file := range sweptFiles {
		compare(t, "proc/<pid>/"+file, func() map[string]string {
			texts := map[string]string{}
			for _, name := range list(t, m.path("proc")) {
				if text, err := os.ReadFile(m.path("proc/" + name + "/" + file)); err == nil && name != "self" && name != "thread-self" {
					texts[name] = string(text)
				}
			}
			return texts
		}, file, pids)
	}
}
