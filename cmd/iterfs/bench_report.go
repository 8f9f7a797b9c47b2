// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/iterfs/iterfs/internal/measure"
)

// A benchReport is what bench prints, as JSON has it.
type benchReport struct {
	Version   string     `json:"version"`
	Kernel    string     `json:"kernel"`
	CPU       string     `json:"cpu"`
	CPUs      int        `json:"cpus"`
	Processes int        `json:"processes"`
	Runs      int        `json:"runs"`
	Rows      []benchRow `json:"rows"`
}

// A benchRow is one comparison. The ratios are of iterfs to native: below 1 iterfs
// takes less.
type benchRow struct {
	Section string    `json:"section"`
	Name    string    `json:"name"`
	Wall    benchPair `json:"wall"`
	CPU     benchPair `json:"cpu"`
}

type benchPair struct {
	IterfsMS float64 `json:"iterfs_ms"`
	NativeMS float64 `json:"native_ms"`
	Ratio    float64 `json:"ratio"`
}

// newBenchReport describes the machine as it is now.
func newBenchReport(runs int) *benchReport {
	running, _ := filepath.Glob("/proc/[0-9]*")
	return &benchReport{Version: version(), Kernel: kernelRelease(), CPU: cpuModel(), CPUs: runtime.NumCPU(), Processes: len(running), Runs: runs}
}

// cpuModel is what the kernel calls the CPU, where it has a name for it.
func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range bytes.Lines(info) {
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && string(bytes.TrimSpace(name)) == "model name" {
			return string(bytes.TrimSpace(value))
		}
	}
	return runtime.GOARCH
}

func (r *benchReport) add(c comparison, iterfs, native measure.Cost) {
	r.Rows = append(r.Rows, benchRow{c.section, c.name, pair(iterfs.Wall, native.Wall), pair(iterfs.CPU, native.CPU)})
}

func pair(iterfs, native time.Duration) benchPair {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return benchPair{ms(iterfs), ms(native), ms(iterfs) / ms(native)}
}

func (r *benchReport) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// writeText writes the table, with a line above each section.
func (r *benchReport) writeText(w io.Writer) error {
	const columns = "%-34s %9s %9s %6s  %9s %9s %6s\n"
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }
	text := fmt.Appendf(nil, "iterfs %s, Linux %s, %d CPUs (%s), %d processes; medians of %d runs, in ms\n\n",
		r.Version, r.Kernel, r.CPUs, r.CPU, r.Processes, r.Runs)
	text = fmt.Appendf(text, columns, "", "iterfs", "native", "ratio", "CPU", "native", "ratio")
	section := ""
	for _, row := range r.Rows {
		if row.Section != section {
			section = row.Section
			text = fmt.Appendf(text, "%s:\n", section)
		}
		text = fmt.Appendf(text, columns, "  "+row.Name,
			number(row.Wall.IterfsMS), number(row.Wall.NativeMS), number(row.Wall.Ratio),
			number(row.CPU.IterfsMS), number(row.CPU.NativeMS), number(row.CPU.Ratio))
	}
	_, err := w.Write(text)
	return err
}
