// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/iterfs/iterfs/internal/measure"
)

// A comparison is one line of the table: the same question to both.
type comparison struct {
	section, name  string
	pause          time.Duration // before each run
	iterfs, native func() error
}

// The sections of the table.
const (
	bulkSection = "all processes in one read, against a loop of open, read, close"
	scanSection = "proc/, against /proc"
)

// betweenScans is longer than what was read for one scan is served to the next.
const betweenScans = 300 * time.Millisecond

// comparisons are those that this tree and this machine allow, in the table's order.
type comparisons struct {
	all    []comparison
	places []*measure.Place
}

func (c *comparisons) close() {
	for _, p := range c.places {
		p.Close()
	}
}

func (b *bench) comparisons() (*comparisons, error) {
	c := &comparisons{}
	buf := measure.Buffer()
	bulk := func(name string, native func() error) {
		path := filepath.Join(b.dir, name)
		if _, err := os.Stat(path); err == nil { // else this kernel lacks the target
			c.all = append(c.all, comparison{bulkSection, name, 0, func() error { return measure.Whole(path, buf) }, native})
		}
	}
	for _, file := range []string{"stat", "statm", "status", "cmdline", "io", "limits", "cgroup"} {
		bulk("tasks/"+file, func() error { return measure.Each("/proc", file, buf) })
	}
	bulk("tasks/files", func() error { return measure.Links("/proc", "fd", buf) })
	return c, b.addScans(c, buf)
}

// addScans compares proc/, where there is one.
func (b *bench) addScans(c *comparisons, buf []byte) error {
	proc := filepath.Join(b.dir, "proc")
	if _, err := os.Stat(proc); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	scan := func(name string, iterfs, native func() error) {
		c.all = append(c.all, comparison{scanSection, name, betweenScans, iterfs, native})
	}
	scan("list, stat, three files of each",
		func() error { return measure.Scan(proc, buf) },
		func() error { return measure.Scan("/proc", buf) })
	for _, dir := range []string{proc, ""} {
		place, err := measure.NewPlace(dir)
		if err != nil {
			c.close()
			return err
		}
		c.places = append(c.places, place)
	}
	for _, program := range []string{"ps -ef", "ps aux", "top -b -n1"} {
		words := strings.Fields(program)
		if path, err := exec.LookPath(words[0]); err == nil {
			scan(program, c.places[0].Programs(1, path, words[1:]...), c.places[1].Programs(1, path, words[1:]...))
		}
	}
	return nil
}
