// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"strings"
	"testing"
)

// cellsOf are what a process's stat and status of procfs have of the columns of tasks/table.
func cellsOf(stat, status string) map[string]string {
	name, fields := splitStat([]byte(stat))
	cells := map[string]string{"COMM": escaped.Replace(name)}
	for column, field := range map[string]int{"STATE": 3, "PPID": 4, "PGID": 5, "SID": 6, "NICE": 19, "THREADS": 20, "START_MS": 22} {
		cells[column] = fields[field-3]
	}
	for line := range strings.Lines(status) {
		switch f := strings.Fields(line); f[0] {
		case "Uid:":
			cells["UID"] = f[2]
		case "Gid:":
			cells["GID"] = f[2]
		}
	}
	return cells
}

// A row of the tables has for each reader what the files of his own procfs have.
func TestReadersSeeCellsAsInProc(t *testing.T) {
	m := newSharedMount(t)
	animals := someAnimals(t)
	delete(animals, "this test") // it is at work
	compared := 0
	for _, r := range readers(t, m) {
		for _, name := range []string{"tasks/table", "tasks/threads"} {
			persistently(t, func() (complaints []string) {
				text, err := r.Do("read", r.Tree+"/"+name)
				if err != nil {
					return []string{fmt.Sprintf("%s to %s: %v", name, r.Kind, err)}
				}
				rows := map[string]map[string]string{}
				for _, row := range table(t, text) {
					if row["TID"] == "" || row["TID"] == row["PID"] {
						rows[row["PID"]] = row
					}
				}
				for kind, pid := range animals {
					number := r.NumberOf(t, pid)
					if number == "" {
						continue // it is not there for him
					}
					stat, err := r.Do("read", "/proc/"+number+"/stat")
					status, statusErr := r.Do("read", "/proc/"+number+"/status")
					if err != nil || statusErr != nil {
						continue
					}
					for column, want := range cellsOf(stat, status) {
						got := rows[number][column]
						if compared++; got != want && (column != "START_MS" || len(got) < 2 || got[:len(got)-1] != want) {
							complaints = append(complaints, fmt.Sprintf("%s of %q in %s for %s is %q, its procfs has %q", column, kind, name, r.Kind, got, want))
						}
					}
				}
				return complaints
			})
		}
	}
	if compared < 2000 {
		t.Errorf("only %d were compared", compared)
	}
}
