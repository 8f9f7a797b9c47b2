// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// The tables of all processes have the paths that the links and maps of each have.
func TestPathsOfTablesAreTheReaders(t *testing.T) {
	m := newSharedMount(t)
	animals := map[string]int{}
	for _, kind := range []string{"files", "mappings", "removed program", "other root", "other user"} {
		animals[kind] = zoo.One(t, kind)
	}
	tables := map[string]func(t *testing.T, r *zoo.Reader, number string) string{"files": linkRows, "vmas": mapRows}
	rows := 0
	for _, r := range whoSeeOtherPaths(t, m) {
		for name, rowsOf := range tables {
			if name == "vmas" && !kernelHas(t, "bpf_iter__task_vma") {
				continue
			}
			persistently(t, func() (complaints []string) {
				text, err := r.Do("read", r.Tree+"/tasks/"+name)
				if err != nil {
					return []string{fmt.Sprintf("%s reads %s: %v", r.Kind, name, err)}
				}
				all := pathRows(t, name, text)
				for kind, pid := range animals {
					number := r.NumberOf(t, pid)
					if number == "" {
						continue
					}
					want := rowsOf(t, r, number)
					one, err := r.Do("read", r.Tree+"/tasks/"+number+"/"+name)
					if got := pathRows(t, name, one)[number]; got != want || err != nil && !errors.Is(err, unix.EACCES) {
						complaints = append(complaints, fmt.Sprintf("%s of %s for %s: %v: %s", name, kind, r.Kind, err, difference(got, want)))
					}
					if all[number] != want {
						complaints = append(complaints, fmt.Sprintf("%s of all for %s, of %s: %s", name, r.Kind, kind, difference(all[number], want)))
					}
					rows += strings.Count(want, "\n")
				}
				return complaints
			})
		}
	}
	least := 5000
	if !kernelHas(t, "bpf_iter__task_vma") {
		least = 1500
	}
	if rows < least {
		t.Errorf("only %d rows", rows)
	}
}

// pathRows are what a table has of each process: what names a row, and its path.
func pathRows(t *testing.T, name, text string) map[string]string {
	rows := map[string]string{}
	for _, row := range table(t, text) {
		object := row["FD"]
		if name == "vmas" {
			object = row["START"] + "-" + row["END"]
		}
		// maps has one text of a newline and of what a name has itself.
		rows[row["PID"]] += fmt.Sprintf("%4s ", object) + strings.ReplaceAll(row["PATH"], `\134012`, `\012`) + "\n"
	}
	return rows
}

// linkRows are those of tasks/files by the links of /proc/PID/fd that the reader may
// read.
func linkRows(t *testing.T, r *zoo.Reader, number string) string {
	text, _ := r.Do("links", "/proc/"+number+"/fd")
	var rows []string
	for line := range strings.Lines(text) {
		fd, quoted, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		path, err := strconv.Unquote(quoted)
		switch {
		case err != nil:
			t.Fatal(err)
		case path == "!"+unix.EACCES.Error():
			continue
		case path == "!"+unix.ENAMETOOLONG.Error():
			path = "-"
		}
		rows = append(rows, fmt.Sprintf("%4s %s\n", fd, escape(path)))
	}
	slices.Sort(rows) // as numbers
	return strings.ReplaceAll(strings.Join(rows, ""), `\134012`, `\012`)
}

// mapRows are those of tasks/vmas by /proc/PID/maps.
func mapRows(t *testing.T, r *zoo.Reader, number string) string {
	text, _ := r.Do("read", "/proc/"+number+"/maps")
	var rows strings.Builder
	for line := range strings.Lines(text) {
		f := mapsLine.FindStringSubmatch(line)
		if f == nil {
			t.Fatalf("no line of maps: %q", line)
		}
		path := escape(strings.ReplaceAll(f[7], `\012`, "\n"))
		if path == "" {
			path = "-"
		}
		fmt.Fprintf(&rows, "%s-%s %s\n", f[1], f[2], path)
	}
	return rows.String()
}
