// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// newSharedMount is one that other users reach.
func newSharedMount(t *testing.T, options ...string) *mount {
	t.Helper()
	m := newMount(t, append([]string{"-o", "allow_other"}, options...)...)
	if err := os.Chmod(filepath.Dir(m.dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return m
}

// readers makes one reader of each kind that the kernel and the sandbox allow, of a
// mount that is open to all.
func readers(t *testing.T, m *mount) (all []*zoo.Reader) {
	t.Helper()
	for _, kind := range zoo.ReaderKinds() {
		if r := zoo.NewReader(t, kind, m.dir); r != nil {
			all = append(all, r)
		}
	}
	return all
}

// singles are the files of a process that are made by iterators, and those that are
// the kernel's own.
var singles = []string{"stat", "statm", "status", "comm", "cmdline", "io", "limits", "cgroup", "maps", "environ", "auxv", "oom_score"}

// moving are the values that change while nobody looks.
var moving = map[string]*regexp.Regexp{
	"status": regexp.MustCompile(`(?m)^(VmRSS|VmHWM|RssAnon|RssFile|voluntary_ctxt_switches|nonvoluntary_ctxt_switches|FDSize|VmPTE|SigQ|Threads|VmSize|VmData|VmPeak):.*`),
	"io":     regexp.MustCompile(`: \d+`),
}

// comparable takes out of a content what moves.
func comparable(file, content string) string {
	if re := moving[file]; re != nil {
		content = re.ReplaceAllString(content, "")
	}
	if file == "stat" {
		end := strings.LastIndexByte(content, ')')
		if fields := strings.Fields(content[end+1:]); end > 0 && len(fields) == 50 {
			// minflt, majflt, utime, stime, threads, rss, CPU, of idle processes too.
			for _, i := range []int{0, 7, 9, 11, 12, 17, 21, 32, 36, 39} {
				fields[i] = "?"
			}
			content = content[:end+1] + strings.Join(fields, " ")
		}
	}
	return content
}

// Of every process every reader has the numbers, the content or the refusal that its
// own /proc has for it, and no process that is not there.
func TestReadersSeeWhatProcShows(t *testing.T) {
	m := newSharedMount(t)
	animals := zoo.New(t)
	var contents, refusals int
	for _, r := range readers(t, m) {
		tree := r.Tree
		listed, err := r.Do("list", tree+"/tasks")
		if err != nil {
			t.Errorf("%s lists tasks: %v", r.Kind, err)
			continue
		}
		names := strings.Split(listed, "\n")
		numbers := map[string]bool{}
		for kind, pid := range animals {
			number := r.NumberOf(t, pid)
			if listed := number != "" && slices.Contains(names, number); listed != (number != "") {
				t.Errorf("%s has %q as %q: it is not listed", r.Kind, kind, number)
			}
			if number == "" || kind == "swallower" {
				continue
			}
			numbers[number] = true
			for _, file := range singles {
				var want, got string
				var wantErr, gotErr error
				persistently(t, func() []string {
					want, wantErr = r.Do("read", "/proc/"+number+"/"+file)
					got, gotErr = r.Do("read", tree+"/tasks/"+number+"/"+file)
					if !errors.Is(gotErr, wantErr) || comparable(file, got) != comparable(file, want) {
						return []string{fmt.Sprintf("%s reads %s of %q: %v, want %v; got\n%s\nwant\n%s", r.Kind, file, kind, gotErr, wantErr, comparable(file, got), comparable(file, want))}
					}
					return nil
				})
				if wantErr != nil {
					refusals++
				} else {
					contents++
				}
			}
		}
		for _, name := range names {
			if r.Level > 0 && name[0] >= '0' && name[0] <= '9' && !numbers[name] {
				if _, err := r.Do("stat", "/proc/"+name); errors.Is(err, unix.ENOENT) {
					t.Errorf("%s has a process %s that its /proc has not", r.Kind, name)
				}
			}
		}
	}
	if contents < 1000 || refusals < 100 {
		t.Errorf("only %d contents and %d refusals", contents, refusals)
	}
}
