// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var heading = regexp.MustCompile(`(?m)^==> ([0-9]+) <==\n`)

// headed splits a file of texts under headings by process.
func headed(t testing.TB, text string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	at := heading.FindAllStringSubmatchIndex(text, -1)
	if len(at) == 0 || at[0][0] != 0 {
		t.Fatalf("no heading: %.300q", text)
	}
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		pid := text[m[2]:m[3]]
		if _, twice := texts[pid]; twice {
			t.Errorf("process %s twice", pid)
		}
		texts[pid] = text[m[1]:end]
	}
	return texts
}

// numbered splits a file of lines behind pids by process.
func numbered(t testing.TB, text string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for line := range strings.Lines(text) {
		pid, rest, found := strings.Cut(line, " ")
		if _, twice := texts[pid]; !found || twice {
			t.Fatalf("no line of a process, or a second one: %.300q", line)
		}
		texts[pid] = rest
	}
	return texts
}

var queuedOfRoot = regexp.MustCompile(`(?s)(\nUid:\t0\t.*\nSigQ:\t)[0-9]+/`)

// steady takes out of statuses how many signals are queued for root: that is not
// of the process alone, and changes with what others do.
func steady(texts map[string]string) map[string]string {
	for pid, text := range texts {
		texts[pid] = steadyText(text)
	}
	return texts
}

// steadyText does so for one.
func steadyText(text string) string {
	if !strings.Contains(text, "\nSigQ:\t") {
		return text
	}
	return queuedOfRoot.ReplaceAllString(text, "${1}?/")
}

func TestProcFilesEqualProc(t *testing.T) {
	m := newMount(t)
	pids := zooPIDs(t)
	for file, split := range map[string]func(testing.TB, string) map[string]string{
		"statm": numbered, "cmdline": cmdlines, "status": headed, "io": headed, "limits": headed, "cgroup": headed,
	} {
		t.Run(file, func(t *testing.T) {
			compare(t, "tasks/"+file, func() map[string]string { return split(t, m.read(t, "tasks/"+file)) }, file, pids)
			compare(t, "tasks/<pid>/"+file, func() map[string]string { return m.single(t, file) }, file, pids)
		})
	}
}

// cmdlines splits tasks/cmdline and undoes its escapes.
func cmdlines(t testing.TB, text string) map[string]string {
	t.Helper()
	texts := numbered(t, text)
	for pid, line := range texts {
		texts[pid] = strings.NewReplacer(`\012`, "\n", `\134`, `\`).Replace(strings.TrimSuffix(line, "\n"))
	}
	return texts
}

// io tells what only who may trace a process is to know.
func TestIOIsPrivate(t *testing.T) {
	m := newMount(t)
	if info, err := os.Stat(m.path("tasks/self/io")); err != nil || info.Mode() != 0o400 {
		t.Errorf("tasks/self/io: %v, %v", info.Mode(), err)
	}
	if native, err := os.Stat("/proc/self/io"); err != nil || native.Mode() != 0o400 {
		t.Errorf("/proc/self/io: %v, %v", native.Mode(), err)
	}
}
