// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printTable prints a line a kernel.
func printTable(w io.Writer, results []*result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KERNEL\tRELEASE\tPASS\tFAIL\tSKIP\tTIME\tRESULT")
	for _, r := range results {
		release := r.release
		if release == "" {
			release = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%.1fs\t%s\n",
			r.name, release, r.passed, r.failed, r.skipped, r.took.Seconds(), r.outcome())
	}
	return table.Flush()
}

// outcome is the last column: a word, and for what is not about tests the
// beginning of the reason, which was printed in full before.
func (r *result) outcome() string {
	switch {
	case r.leftOut != "":
		return "SKIPPED: " + firstLine(r.leftOut)
	case r.err != nil:
		return "FAIL: " + firstLine(r.err.Error())
	}
	return verdict(r.ok())
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	const most = 100
	if len(line) > most {
		line = line[:most] + "..."
	}
	return line
}
