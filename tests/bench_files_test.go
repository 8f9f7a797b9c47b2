// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	taskfile "github.com/iterfs/iterfs/bpf/task_file"
	"github.com/iterfs/iterfs/internal/measure"
	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// herdWithFiles makes processes that have each that many files open.
func herdWithFiles(t testing.TB, processes, files int) {
	t.Helper()
	dir := t.TempDir()
	open := make([]*os.File, files)
	for i := range open {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("data-%04d.log", i)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		open[i] = f
	}
	zoo.Herd(t, processes, open...)
}

// BenchmarkFiles tells of every open file: in one read of the whole, by the links
// of /proc, and from the iterator with the same program and rendering.
func BenchmarkFiles(b *testing.B) {
	m := newMount(b)
	herdWithFiles(b, 1000, 1000)
	m.read(b, "tasks/files")
	buf := make([]byte, 128<<10)
	rounds(b, m, []string{"iterfs", "native", "bare"},
		func() { readThrough(b, m.path("tasks/files"), buf) },
		func() {
			if err := measure.Links("/proc", "fd", buf); err != nil {
				b.Fatal(err)
			}
		},
		bareIterator(b, &taskfile.Target, "file_records", "tasks/files"))
}

// BenchmarkVmas tells of every mapping: in one read of the whole, and by the maps
// of /proc.
func BenchmarkVmas(b *testing.B) {
	m := newMount(b)
	zoo.Herd(b, 1000)
	m.read(b, "tasks/vmas")
	buf := make([]byte, 128<<10)
	rounds(b, m, []string{"iterfs", "native"},
		func() { readThrough(b, m.path("tasks/vmas"), buf) },
		func() {
			for _, pid := range processes(b) {
				measure.Whole("/proc/"+pid+"/maps", buf) // whatever happens to it
			}
		})
}

// BenchmarkSeries is the table in the cover letter of the kernel's iterator series:
// a program that does nothing, called for each open file of so many processes
// with so many files.
func BenchmarkSeries(b *testing.B) {
	for _, size := range []struct{ processes, files int }{{100, 100}, {1000, 1000}, {10_000, 100}} {
		b.Run(fmt.Sprintf("%dx%d", size.processes, size.files), func(b *testing.B) {
			need.Root(b)
			nothing, err := ebpf.NewProgram(&ebpf.ProgramSpec{
				Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "task_file", License: "Dual BSD/GPL",
				Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
			})
			if err != nil {
				b.Fatal(err)
			}
			defer nothing.Close()
			herdWithFiles(b, size.processes, size.files)
			b.ReportMetric(float64(calls(b, nothing)), "calls")
			rounds(b, nil, []string{"nothing"}, func() { iterate(b, nothing, func([]byte) {}) })
		})
	}
}

// calls counts how often a program is called in a run.
func calls(b *testing.B, program *ebpf.Program) uint64 {
	b.Helper()
	counting, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		b.Fatal(err)
	}
	defer counting.Close()
	iterate(b, program, func([]byte) {})
	stats, err := program.Stats()
	if err != nil {
		b.Fatal(err)
	}
	return stats.RunCount
}
