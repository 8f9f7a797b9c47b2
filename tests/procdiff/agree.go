// SPDX-License-Identifier: Apache-2.0

package procdiff

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var word = regexp.MustCompile(`\S+|\s+`)

// Agree reports whether a text is what it was before and after, and whether these
// allow a comparison. Where they differ, it is compared word by word, if they have
// as many.
func Agree(before, got, after string) (agreed, compared bool) {
	if before == after {
		return got == before, true
	}
	b, g, a := word.FindAllString(before, -1), word.FindAllString(got, -1), word.FindAllString(after, -1)
	if len(b) != len(a) {
		return true, false
	}
	if len(g) != len(b) {
		return false, false
	}
	for i, want := range b {
		// The blanks between are as wide as the numbers let them be.
		if want != a[i] || strings.TrimSpace(want) == "" {
			continue
		}
		if compared = true; g[i] != want {
			return false, true
		}
	}
	return true, compared
}

// agreeOnProcesses is Agree for the entries of the root, in which processes come
// and go: who was there before and after is listed, nobody is who was not there at
// all, and the order is the kernel's.
func agreeOnProcesses(before, got, after string) (agreed, compared bool) {
	others, processes := split(got)
	otherWant, was := split(before)
	_, is := split(after)
	if !slices.Equal(others, otherWant) || !slices.IsSorted(processes) {
		return false, true
	}
	for _, pid := range was {
		if slices.Contains(is, pid) && !slices.Contains(processes, pid) {
			return false, true
		}
	}
	for _, pid := range processes {
		if !slices.Contains(was, pid) && !slices.Contains(is, pid) {
			return false, true
		}
	}
	return true, true
}

// split parts the lines that begin with a number from the others.
func split(list string) (others []string, numbers []int) {
	for line := range strings.Lines(list) {
		name, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if n, err := strconv.Atoi(name); err == nil {
			numbers = append(numbers, n)
		} else {
			others = append(others, line)
		}
	}
	return others, numbers
}
