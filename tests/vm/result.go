// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// A testEvent is a line of `go doc test2json`, which keeps the output of tests
// that run in parallel apart.
type testEvent struct {
	Action, Test, Output string
}

// testEvents has Go's own tool read what a test binary printed.
func testEvents(ctx context.Context, run *packageRun) (events []testEvent, err error) {
	cmd := command(ctx, "go", "tool", "test2json", "-p", run.importPath)
	cmd.Stdin = bytes.NewReader(run.output.Bytes())
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go tool test2json: %w", err)
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var e testEvent
		if err := decoder.Decode(&e); err == io.EOF {
			return events, nil
		} else if err != nil {
			return nil, fmt.Errorf("go tool test2json: %w", err)
		}
		events = append(events, e)
	}
}

type counts struct{ passed, failed, skipped int }

func (c *counts) add(other counts) {
	c.passed += other.passed
	c.failed += other.failed
	c.skipped += other.skipped
}

// judge counts a package's tests and returns what to show of its output: of a
// failed package the failed tests, whole, and what no test wrote; nothing of a
// package that passed.
func judge(run *packageRun, events []testEvent) (n counts, shown string) {
	results := map[string]string{}
	for _, e := range events {
		switch e.Action {
		case "run":
			results[e.Test] = "unfinished"
		case "pass", "fail", "skip":
			if e.Test != "" {
				results[e.Test] = e.Action
			}
		}
	}
	n = countResults(results)
	passed := run.finished && run.status == 0
	if !passed && n.failed == 0 {
		n.failed = 1 // a crash, or TestMain
	}
	if passed && n.failed == 0 {
		return n, ""
	}
	failed := map[string]bool{"": true} // by the name of the outermost test
	for test, result := range results {
		if result == "fail" || result == "unfinished" {
			failed[outermost(test)] = true
		}
	}
	var text strings.Builder
	for _, e := range events {
		if e.Action == "output" && failed[outermost(e.Test)] {
			text.WriteString(e.Output)
		}
	}
	return n, text.String()
}

// countResults counts tests without subtests, and of the others those that
// failed although no subtest did.
func countResults(results map[string]string) (n counts) {
	parents, blamed := map[string]bool{}, map[string]bool{}
	for test, result := range results {
		for i := range test {
			if test[i] == '/' {
				parents[test[:i]] = true
				if result == "fail" || result == "unfinished" {
					blamed[test[:i]] = true
				}
			}
		}
	}
	for test, result := range results {
		switch {
		case result == "fail" || result == "unfinished":
			if !blamed[test] {
				n.failed++
			}
		case parents[test]:
		case result == "skip":
			n.skipped++
		default:
			n.passed++
		}
	}
	return n
}

func outermost(test string) string {
	name, _, _ := strings.Cut(test, "/")
	return name
}

// everything is all output as a person reads it.
func everything(events []testEvent) string {
	var text strings.Builder
	for _, e := range events {
		text.WriteString(e.Output)
	}
	return text.String()
}

// A result is a row of the table.
type result struct {
	name    string
	release string
	counts
	took    time.Duration
	doctor  string // what iterfs doctor printed
	leftOut string // why the kernel was left out, if it was
	err     error  // why not all was run
}

func (r *result) ok() bool { return r.err == nil && r.failed == 0 }

// report judges a session, fills in the result and returns what to print.
func (r *result) report(ctx context.Context, s *session, verbose bool) string {
	var text strings.Builder
	r.doctor = s.doctor
	if strings.Contains(s.doctor, "FAIL") {
		r.failed++
		fmt.Fprintf(&text, "=== kernel %s (%s): iterfs doctor\n%s", r.name, r.release, s.doctor)
	}
	for _, run := range s.runs {
		events, err := testEvents(ctx, run)
		if err != nil {
			r.err = err
			fmt.Fprintf(&text, "%s %s: %v\n", r.name, run.importPath, err)
			continue
		}
		n, shown := judge(run, events)
		r.add(n)
		if verbose {
			shown = everything(events)
		}
		if shown == "" {
			continue
		}
		state := fmt.Sprintf("exit status %d", run.status)
		if !run.finished {
			state = "did not end"
		}
		fmt.Fprintf(&text, "=== kernel %s (%s): %s, %s\n%s", r.name, r.release, run.importPath, state, shown)
		if !strings.HasSuffix(shown, "\n") {
			text.WriteByte('\n')
		}
	}
	return text.String()
}
