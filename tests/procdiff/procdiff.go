// SPDX-License-Identifier: Apache-2.0

// Package procdiff compares a procfs with the kernel's own: all that a program can
// find out about each path, by listing, lstat(2), stat(2), readlink(2), access(2),
// opening and reading.
package procdiff

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// native is where the kernel's own is.
const native = "/proc"

// A Comparison says what to compare.
type Comparison struct {
	Root string
	// Trees are paths below Root that are compared with all that is below them (of a
	// process without net/ and what its threads have, of a thread without fd/: name them to
	// have them), Paths are compared alone. "." is Root.
	Trees, Paths []string
	// Added are names that directories have behind the kernel's own.
	Added []string
	// Texts says that Root has directories laid over the kernel's own: links that lead
	// where their texts do, not to objects.
	Texts bool
	// UID and GID are those of the reader, if they are not the caller's.
	UID, GID uint32
}

// A Report says what came out.
type Report struct {
	// Paths and Facts count what was compared.
	Paths, Facts int
	// Differences last: they were there each time.
	Differences []string
	// Moving are the files that never were the same twice in the kernel's own, of
	// which not even a part could be compared.
	Moving []string
	// Excepted counts, by the reason, the known differences that were met.
	Excepted map[string]int
}

// rounds is how often a path is looked at again that differs or moves: what has few
// values, as clock-delta in sched, is the same twice and another between by chance.
const rounds = 16

func compare(c Comparison) (*Report, error) {
	paths := slices.Clone(c.Paths)
	for _, tree := range c.Trees {
		below, err := walk(tree)
		if err != nil {
			return nil, err
		}
		paths = append(paths, below...)
	}
	r := &Report{Paths: len(paths), Excepted: map[string]int{}}
	var moving []string
	for round := range rounds {
		if round > 0 {
			time.Sleep(20 * time.Millisecond)
		}
		var again []string
		r.Differences, moving = nil, nil
		for _, path := range paths {
			different, moves := c.compare(path, r)
			r.Differences = append(r.Differences, different...)
			moving = append(moving, moves...)
			if len(different)+len(moves) > 0 {
				again = append(again, path)
			}
		}
		if paths = again; len(paths) == 0 {
			break
		}
	}
	r.Moving = moving
	return r, nil
}

// compare looks at the path in the kernel's own, in the other, and in the kernel's
// own again: what both agree on must be the same.
func (c *Comparison) compare(path string, r *Report) (different, moving []string) {
	before, got, after := c.observe(native, path), c.observe(c.Root, path), c.observe(native, path)
	c.takeAdded(got)
	for _, question := range questions(before, got, after) {
		agree := Agree
		if path == "." && strings.HasPrefix(question, "list") {
			agree = agreeOnProcesses
		}
		agreed, compared := agree(before[question], got[question], after[question])
		switch {
		case !agreed:
			if reason := c.known(path, question, before, got); reason != "" {
				r.Excepted[reason]++
				continue
			}
			different = append(different, fmt.Sprintf("%s: %s is\n%.3000q, it was\n%.3000q, and then\n%.3000q",
				path, question, got[question], before[question], after[question]))
		case compared:
			r.Facts++
		default:
			moving = append(moving, path+": "+question)
		}
	}
	return different, moving
}

// questions are all that have an answer, or the one that there can be no others
// without.
func questions(before, got, after facts) (all []string) {
	for _, first := range []string{"lstat fails", "stat fails"} {
		if agreed, _ := Agree(before[first], got[first], after[first]); !agreed {
			return []string{first}
		}
	}
	for _, f := range []facts{before, got, after} {
		all = slices.AppendSeq(all, maps.Keys(f))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (c *Comparison) observe(root, path string) facts {
	return observe(filepath.Join(root, path), c.Texts)
}

// takeAdded takes the names that are added out of a listing: they are the last.
func (c *Comparison) takeAdded(f facts) {
	for _, question := range []string{"list", "list types"} {
		lines := strings.Split(f[question], "\n")
		for n := len(lines); n > 0; n-- {
			name, _, _ := strings.Cut(lines[n-1], " ")
			if !slices.Contains(c.Added, name) {
				break
			}
			lines = lines[:n-1]
		}
		if _, listed := f[question]; listed {
			f[question] = strings.Join(lines, "\n")
		}
	}
}

// elsewhere is what a process shares with others and its threads with it, and each thread:
// it is compared where it is named, or a tree.
var elsewhere = regexp.MustCompile(`^\d+/(net|task/\d+(/(net|fd|fdinfo|map_files))?)$`)

// walk lists a tree of the kernel's own, without what links lead to. That something
// cannot be listed, or is gone by now, is compared like all else.
func walk(tree string) (paths []string, err error) {
	err = filepath.WalkDir(filepath.Join(native, tree), func(path string, _ os.DirEntry, err error) error {
		if err != nil { // a second call for the same
			return nil
		}
		rel, err := filepath.Rel(native, path)
		paths = append(paths, rel)
		if rel != tree && elsewhere.MatchString(rel) {
			return filepath.SkipDir
		}
		return err
	})
	return paths, err
}
