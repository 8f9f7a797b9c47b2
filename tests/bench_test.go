// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/task"
	"github.com/iterfs/iterfs/internal/measure"
	"github.com/iterfs/iterfs/tests/zoo"
)

// least is how many rounds a median is of.
const least = 9

// rounds compares what is done by system calls, or by programs, with a mount and
// without: it reports medians in ms, of time on the wall and of CPU time with that of
// the mount's daemon, and the ratios of the first to each other.
func rounds(b *testing.B, m *mount, names []string, runs ...func()) {
	b.Helper()
	daemon := 0
	if m != nil {
		daemon = m.cmd.Process.Pid
	}
	timed := make([]measure.Run, len(runs))
	for i, run := range runs {
		timed[i] = measure.Timed(daemon, func() error { run(); return nil })
	}
	paired(b, 0, names, timed...)
}

// paired makes rounds of the runs, with a pause before each, and reports as above.
func paired(b *testing.B, pause time.Duration, names []string, runs ...measure.Run) (medians []measure.Cost) {
	b.Helper()
	medians, err := measure.Rounds(b.Context(), max(b.N, least), pause, runs...)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op") // of a round, which means nothing
	first := medians[0]
	for i, name := range names {
		c := medians[i]
		b.ReportMetric(float64(c.Wall.Microseconds())/1000, name+"-ms")
		b.ReportMetric(float64(c.CPU.Microseconds())/1000, name+"-cpu-ms")
		if i > 0 {
			b.ReportMetric(float64(first.Wall)/float64(c.Wall), "x-"+name)
			b.ReportMetric(float64(first.CPU)/float64(c.CPU), "x-"+name+"-cpu")
		}
	}
	return medians
}

// BenchmarkProcFiles reads a file of every process: the whole of it through the
// mount, by one Go loop over the real /proc, and from the iterator's descriptor with
// the same program and rendering but no filesystem.
func BenchmarkProcFiles(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			m := newMount(b)
			zoo.Herd(b, n)
			buf := make([]byte, 128<<10)
			for _, file := range []string{"stat", "statm", "status", "cmdline", "io", "limits"} {
				path := "tasks/" + file
				m.read(b, path)
				bare := bareIterator(b, &task.Target, file+"_records", path)
				b.Run(file, func(b *testing.B) {
					rounds(b, m, []string{"iterfs", "native", "bare"},
						func() { readThrough(b, m.path(path), buf) },
						func() { readEach(b, file, buf) },
						bare)
				})
			}
		})
	}
}

// BenchmarkSweep reads, of every process, the files of a scan: in one pass, and by
// the loop over the real ones.
func BenchmarkSweep(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			p := newPrograms(b)
			zoo.Herd(b, n)
			buf := make([]byte, 128<<10)
			sweep := task.Sweep{Reader: everything, Files: allSwept &^ (1 << task.Statm)}
			run := func() {
				if err := sweep.Run(context.Background(), p, func(*task.Process) {}); err != nil {
					b.Fatal(err)
				}
			}
			run()
			rounds(b, nil, []string{"sweep", "native"}, run, func() {
				for _, file := range []string{"stat", "status", "cmdline"} {
					readEach(b, file, buf)
				}
			})
		})
	}
}

// BenchmarkTools reads the same by programs, as a whole process each.
func BenchmarkTools(b *testing.B) {
	m := newMount(b)
	zoo.Herd(b, 10_000)
	path := m.path("tasks/stat")
	shell := func(script string) func() {
		return func() {
			if err := exec.Command("/bin/sh", "-c", script).Run(); err != nil {
				b.Fatal(err)
			}
		}
	}
	rounds(b, m, []string{"cat", "awk", "grep", "wc", "native-cat"},
		shell("cat "+path+" >/dev/null"),
		shell("awk '{s+=$23} END{print s}' "+path+" >/dev/null"),
		shell("grep -c ' S ' "+path+" | cat >/dev/null"), // into /dev/null itself grep stops at the first match
		shell("wc -l "+path+" >/dev/null"),
		shell("cat /proc/[0-9]*/stat >/dev/null 2>&1 || true"))
}

// BenchmarkList lists the processes.
func BenchmarkList(b *testing.B) {
	m := newMount(b)
	zoo.Herd(b, 10_000)
	names := func(dir string) func() {
		return func() {
			if err := measure.List(dir); err != nil {
				b.Fatal(err)
			}
		}
	}
	rounds(b, m, []string{"iterfs", "native"}, names(m.path("tasks")), names("/proc"))
}

func readThrough(b *testing.B, path string, buf []byte) {
	if err := measure.Whole(path, buf); err != nil {
		b.Fatal(err)
	}
}

// readEach reads a file of every process, as agents do.
func readEach(b *testing.B, file string, buf []byte) {
	if err := measure.Each("/proc", file, buf); err != nil {
		b.Fatal(err)
	}
}

// bareIterator returns a function that reads a program's iterator and renders it
// as the file at path has it.
func bareIterator(b *testing.B, t *bpf.Target, program, path string) func() {
	b.Helper()
	spec, err := t.Object()
	if err != nil {
		b.Fatal(err)
	}
	programs, err := ebpf.NewCollection(spec)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(programs.Close)
	i := slices.IndexFunc(t.Files, func(f bpf.File) bool { return f.Path == path })
	format := t.Files[i].Format
	text := make([]byte, 0, 256<<10)
	return func() {
		iterate(b, programs.Programs[program], func(batch []byte) {
			if text, _, _, err = format.Append(text[:0], batch, nil); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// iterate reads a program's iterator to the end, batch by batch.
func iterate(b *testing.B, program *ebpf.Program, yield func(batch []byte)) {
	it, err := link.AttachIter(link.IterOptions{Program: program})
	if err != nil {
		b.Fatal(err)
	}
	defer it.Close()
	r, err := it.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	batch := make([]byte, 32<<10)
	for {
		n, err := r.Read(batch)
		switch {
		case err == io.EOF:
			return
		case errors.Is(err, unix.EAGAIN): // a million objects without output
		case err != nil:
			b.Fatal(err)
		default:
			yield(batch[:n])
		}
	}
}

// The daemon's memory does not grow with what it gives out.
func TestMemoryIsBounded(t *testing.T) {
	m := newMount(t)
	herdWithFiles(t, 1000, 10)
	for path, times := range map[string]int{"tasks/table.json": 200, "tasks/files": 100} {
		m.readTimes(t, path, times/10) // the runtime's heap has come to rest
		before := m.rss(t)
		total := m.readTimes(t, path, times)
		if grown := m.rss(t) - before; grown > 8<<10 {
			t.Errorf("%d MB of %s, and the daemon has grown by %d KB from %d", total>>20, path, grown, before)
		}
		t.Logf("%d KB after %d MB of %s", m.rss(t), total>>20, path)
	}
}

// readTimes reads a file again and again, and returns how many bytes it gave.
func (m *mount) readTimes(t *testing.T, path string, times int) (total int) {
	t.Helper()
	buf := make([]byte, 1<<20)
	for range times {
		f, err := os.Open(m.path(path))
		if err != nil {
			t.Fatal(err)
		}
		for {
			n, err := f.Read(buf)
			total += n
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
	}
	return total
}

// rss is the daemon's resident memory in KB.
func (m *mount) rss(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb
}
