// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/fs"
)

// appendStatus writes the file status: a line a fact, "name: value".
func (s *system) appendStatus(dst []byte) []byte {
	line := func(name, format string, args ...any) {
		dst = fmt.Appendf(dst, "%s:\t"+format+"\n", append([]any{name}, args...)...)
	}
	line("version", "%s", version())
	line("kernel", "%s", kernelRelease())
	line("pid", "%d", os.Getpid())
	line("uptime_s", "%d", int(time.Since(s.stats.Started).Seconds()))
	for _, t := range targets {
		switch err := s.absent[t]; {
		case err != nil:
			line("target", "%s absent: %v", t.Name, err)
		case s.loader.Loaded(t):
			line("target", "%s loaded", t.Name)
		default:
			line("target", "%s present, not used yet", t.Name)
		}
	}
	for _, o := range s.user.Objects() {
		line("object", "%s %d programs", o.File, len(o.Programs))
	}
	line("object_failures", "%d", s.user.Failures.Count())
	opens, closes := s.stats.Opens.Load(), s.stats.Closes.Load()
	line("opens", "%d", opens)
	line("open_now", "%d", opens-closes)
	line("goroutines", "%d", runtime.NumGoroutine())
	line("rows", "%d", s.stats.Rows.Load())
	line("bytes", "%d", s.stats.Bytes.Load())
	for _, l := range []struct {
		name string
		l    *fs.Latency
	}{{"lookup", &s.stats.Lookup}, {"list", &s.stats.List}, {"open", &s.stats.Open}, {"read", &s.stats.Read}} {
		line(l.name, "%d requests, median below %v, 99%% below %v", l.l.Count(), l.l.Quantile(0.5), l.l.Quantile(0.99))
	}
	if proc := s.proc.Load(); proc != nil {
		for _, c := range proc.Counts() {
			line("proc", "%s %d", c.Name, c.N)
		}
	}
	errors, last := s.stats.Errors()
	for _, errno := range slices.Sorted(maps.Keys(errors)) {
		line("error", "%s %d", unix.ErrnoName(errno), errors[errno])
	}
	if last != "" {
		line("last_error", "%s", strings.ReplaceAll(last, "\n", "\n\t"))
	}
	return dst
}

// appendReadme writes the file README: what each name of the tree is.
func (s *system) appendReadme(dst []byte) []byte {
	dst = append(dst, `iterfs: the kernel's BPF iterators as files. Each file is made while it is read.

Tables have a header line and a row an object. Columns are separated by spaces;
white space inside a value is octal-escaped, a missing value is "-". NAME.json is
the table NAME with a JSON object a line. Other files are as in procfs.

`...)
	entry := func(path, doc string) { dst = fmt.Appendf(dst, "%-30s %s\n", path, doc) }
	var told []bpf.File // files whose columns were
	for _, t := range s.present {
		for _, o := range t.Objects {
			entry(o.Path+"/", o.Doc)
		}
		for _, f := range t.Files {
			if i := slices.IndexFunc(told, f.SameColumns); i >= 0 {
				entry(f.Path, f.Doc+"; columns as in "+told[i].Path)
				continue
			}
			entry(f.Path, f.Doc)
			for _, c := range f.Columns {
				dst = fmt.Appendf(dst, "    %-14s %s\n", c.Name, c)
			}
			if len(f.Columns) > 0 {
				told = append(told, f)
			}
		}
	}
	entry("tasks/<pid>/...", "all else in /proc/<pid>, passed through with the reader's rights; in task/<tid>/ likewise")
	entry("tasks/<pid>/net/...", "those of net that have names of procfs, of the process's network namespace")
	entry("tasks/self", "the reader's process")
	entry("tasks/thread-self", "the reader's thread, in the directory of its process")
	entry("proc/", "a drop-in for /proc, where the tree is mounted")
	entry("select/README", "any kernel field by name: how to ask")
	entry("select/<target>/<field>,...", "a table of these fields; where/, count/ and sum/ are conditions and groups")
	entry("iters/", "your own BPF iterators: cp my.bpf.o here loads it, rm unloads it")
	entry("iters/<object>/<program>", "what a program tells of everything, as it is")
	entry("iters/<object>/vars/<variable>", "a global variable, to be read and set")
	entry("iters/errors", "the last objects that did not load, with the verifier's log")
	for _, p := range s.places {
		entry(p.path+"/iters/", "the programs of "+strings.Join(p.targets, ", ")+", of the one "+p.doc)
	}
	entry("status", "the daemon itself: targets, what it has served, errors")
	for _, t := range targets {
		if err := s.absent[t]; err != nil {
			dst = fmt.Appendf(dst, "\nNot on this kernel: %s: %v\n", t.Name, err)
		}
	}
	return dst
}

func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err.Error()
	}
	return unix.ByteSliceToString(u.Release[:])
}
