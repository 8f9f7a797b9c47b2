// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"io"
	"slices"
	"testing"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// canned is a System whose runs give one batch.
type canned struct {
	bpf.System
	batch []byte
	given bool
}

func (c *canned) Run(*bpf.Target, string, bpf.Params) (bpf.Records, error) {
	c.given = false
	return c, nil
}

func (c *canned) Next(context.Context) ([]byte, error) {
	if c.given {
		return nil, io.EOF
	}
	c.given = true
	return c.batch, nil
}

func (c *canned) Close() error { return nil }

// record is what sweep_records writes of a process, of which it has all but what
// change takes away.
func record(change func(*taskStatRecord, *taskStatusRecord, *taskCmdlineRecord)) []byte {
	id := taskIdRecord{Key: taskTaskKey{Tgid: 7, Tid: 7, Start: 5}, Euid: 1}
	var stat taskStatRecord
	var status taskStatusRecord
	cmdline := taskCmdlineRecord{Length: 2}
	change(&stat, &status, &cmdline)
	return slices.Concat(
		item(itemRecord, id, int(unsafe.Sizeof(id))),
		item(itemKthread, taskKthreadItem{}, int(unsafe.Sizeof(taskKthreadItem{}))),
		item(itemStat, stat, int(unsafe.Sizeof(stat))),
		item(itemStatus, status, int(unsafe.Sizeof(status))),
		item(itemPids, taskPidsItem{}, 24),
		item(itemCmdline, cmdline, int(unsafe.Sizeof(cmdline))),
		arguments("a\x00"))
}

const allFiles = 1<<NumSwept - 1

// What a record has not all of is nil, as is what was not asked for, and takes
// nothing away from the others.
func TestSweepWithoutSome(t *testing.T) {
	whole := func(*taskStatRecord, *taskStatusRecord, *taskCmdlineRecord) {}
	for _, test := range []struct {
		without int
		asked   uint32
		change  func(*taskStatRecord, *taskStatusRecord, *taskCmdlineRecord)
	}{
		{NumSwept, allFiles, whole},
		{Stat, allFiles, func(r *taskStatRecord, _ *taskStatusRecord, _ *taskCmdlineRecord) { r.Task.Incomplete = 1 }},
		{Status, allFiles, func(_ *taskStatRecord, r *taskStatusRecord, _ *taskCmdlineRecord) { r.Task.Incomplete = 1 }},
		{Cmdline, allFiles, func(_ *taskStatRecord, _ *taskStatusRecord, r *taskCmdlineRecord) { r.Length = 3 }},
		{Statm, allFiles &^ (1 << Statm), whole},
	} {
		visits := 0
		sweep := Sweep{Files: test.asked}
		err := sweep.Run(context.Background(), &canned{batch: record(test.change)}, func(p *Process) {
			visits++
			for file, content := range p.Files {
				if (content == nil) != (file == test.without) {
					t.Errorf("without %d, file %d is %q", test.without, file, content)
				}
			}
			if test.without != Cmdline && string(p.Files[Cmdline]) != "a\x00" {
				t.Errorf("without %d, cmdline is %q", test.without, p.Files[Cmdline])
			}
			if p.PID != 7 || p.Start != 5 || p.UID != 1 || p.GID != 0 {
				t.Errorf("without %d: %+v", test.without, p)
			}
		})
		if err != nil || visits != 1 {
			t.Errorf("without %d: %d visits, %v", test.without, visits, err)
		}
	}
}

// A sweep allocates for itself, not for each process.
func TestSweepDoesNotAllocate(t *testing.T) {
	allocations := func(processes int) float64 {
		var batch []byte
		for range processes {
			batch = append(batch, record(func(*taskStatRecord, *taskStatusRecord, *taskCmdlineRecord) {})...)
		}
		return testing.AllocsPerRun(10, func() {
			sweep := Sweep{Files: allFiles}
			if err := sweep.Run(context.Background(), &canned{batch: batch}, func(*Process) {}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocations(2), allocations(200); few != many {
		t.Errorf("%v allocations for 2 processes, %v for 200", few, many)
	}
}
