// SPDX-License-Identifier: Apache-2.0

// Command agent looks at all processes as monitoring agents in Go do, by the libraries
// that they use, and tells how many processes and threads it has seen.
package main

import (
	"fmt"
	"os"

	"github.com/prometheus/procfs"
	"github.com/shirou/gopsutil/v4/process"
)

func main() {
	looks := map[string]func() (processes, threads int, err error){"gopsutil": gopsutil, "node_exporter": nodeExporter}
	if len(os.Args) != 2 || looks[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: agent gopsutil|node_exporter")
		os.Exit(2)
	}
	processes, threads, err := looks[os.Args[1]]()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Println(processes, threads)
}

// gopsutil asks for six attributes. Processes may go meanwhile.
func gopsutil() (processes, threads int, err error) {
	all, err := process.Processes()
	for _, p := range all {
		_, err1 := p.Name()
		_, err2 := p.Username()
		_, err3 := p.Status()
		_, err4 := p.Times()
		_, err5 := p.MemoryInfo()
		n, err6 := p.NumThreads()
		if err1 == nil && err2 == nil && err3 == nil && err4 == nil && err5 == nil && err6 == nil {
			processes++
			threads += int(n)
		}
	}
	return processes, threads, err
}

// nodeExporter does what the collector "processes" of node_exporter does.
func nodeExporter() (processes, threads int, err error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, 0, err
	}
	all, err := fs.AllProcs()
	for _, p := range all {
		if _, err := p.Stat(); err != nil {
			continue
		}
		processes++
		tasks, err := fs.AllThreads(p.PID)
		if err != nil {
			continue
		}
		for _, t := range tasks {
			if _, err := t.Stat(); err == nil {
				threads++
			}
		}
	}
	return processes, threads, err
}
