// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/iterfs/iterfs/internal/measure"
	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/plot"
	"github.com/iterfs/iterfs/tests/zoo"
)

var update = flag.Bool("update", false, "write what is measured, and pictures of it, to docs/")

// The measurements of growth, and their picture.
const (
	growthData    = "../docs/growth.tsv"
	growthPicture = "../docs/growth.svg"
)

// growthHeader names what is measured of so many ps -ef at once: how long they take
// until the last has ended, and how often that has the kernel go through all processes,
// for lists and for the contents of files.
const growthHeader = "processes\tscanners\titerfs_ms\tnative_ms\titerfs_cpu_ms\tnative_cpu_ms\tlists\tsweeps\n"

// BenchmarkGrowth measures how the cost of scans grows with the processes and with
// the scanners. With -update it writes docs/growth.*:
//
//	go test ./tests -run '^$' -bench Growth -benchtime 1x -update
func BenchmarkGrowth(b *testing.B) {
	ps := need.Tool(b, "ps", "procps")
	data := []byte(growthHeader)
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			m := newMount(b)
			zoo.Herd(b, max(1, n-len(processes(b))))
			ours, native := asProc(b, m)
			for _, scanners := range []int{1, 2, 8} {
				b.Run(strconv.Itoa(scanners), func(b *testing.B) {
					lists, sweeps := m.passes(b)
					costs := paired(b, 500*time.Millisecond, []string{"iterfs", "native"},
						measure.Timed(m.cmd.Process.Pid, ours.Programs(scanners, ps, "-ef")),
						measure.Timed(0, native.Programs(scanners, ps, "-ef")))
					listsNow, sweepsNow := m.passes(b)
					runs := float64(max(b.N, least))
					each := []float64{float64(listsNow-lists) / runs, float64(sweepsNow-sweeps) / runs}
					b.ReportMetric(each[0], "lists")
					b.ReportMetric(each[1], "sweeps")
					data = fmt.Appendf(data, "%d\t%d", len(processes(b)), scanners)
					for _, d := range []time.Duration{costs[0].Wall, costs[1].Wall, costs[0].CPU, costs[1].CPU} {
						data = fmt.Appendf(data, "\t%.2f", float64(d.Microseconds())/1000)
					}
					data = fmt.Appendf(data, "\t%.1f\t%.1f\n", each[0], each[1])
				})
			}
		})
	}
	if !*update || b.Failed() {
		return
	}
	for name, content := range map[string][]byte{growthData: data, growthPicture: growthPlot(b, data)} {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// passes is how often the daemon has gone through all processes: to list them, and
// for the contents of their files.
func (m *mount) passes(b *testing.B) (lists, sweeps int) {
	b.Helper()
	return m.counted(b, "lists"), m.counted(b, "sweeps")
}

// The picture is that of the measurements.
func TestGrowthPicture(t *testing.T) {
	if os.Getenv("ITERFS_VM") != "" {
		t.Skip("the documents are not in the virtual machine")
	}
	data, err := os.ReadFile(growthData)
	if err != nil {
		t.Fatal(err)
	}
	want := growthPlot(t, data)
	if got, err := os.ReadFile(growthPicture); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not of %s (%v): see BenchmarkGrowth", growthPicture, growthData, err)
	}
}

// growthPlot is the picture of such data: of each number of scanners a line for
// either side.
func growthPlot(t testing.TB, data []byte) []byte {
	t.Helper()
	var lines []plot.Line
	add := func(name, color, dashes string, p plot.Point) {
		i := slices.IndexFunc(lines, func(l plot.Line) bool { return l.Name == name })
		if i < 0 {
			i = len(lines)
			lines = append(lines, plot.Line{Name: name, Color: color, Dashes: dashes})
		}
		lines[i].Points = append(lines[i].Points, p)
	}
	dashes := map[string]string{"1": "", "2": "7 3", "8": "2 3"}
	for line := range strings.Lines(strings.TrimPrefix(string(data), growthHeader)) {
		var processes, iterfs, native float64
		var scanners string
		if _, err := fmt.Sscan(line, &processes, &scanners, &iterfs, &native); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		add("/proc, "+scanners+" at once", "#c0392b", dashes[scanners], plot.Point{X: processes, Y: native})
		add("iterfs, "+scanners+" at once", "#1f5fbf", dashes[scanners], plot.Point{X: processes, Y: iterfs})
	}
	return plot.LogLog("ps -ef, until the last has ended", "processes", "ms", lines)
}
