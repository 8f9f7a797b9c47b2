// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// noField refuses a name that none of the types has, to which a path has led, and
// says what may have been meant: a field that is spelled alike, here or a level
// below.
func noField(path, name string, types ...btf.Type) error {
	var structs, here, below []string
	for _, t := range types {
		structs = append(structs, cType(t))
		for _, m := range flatten(t) {
			here = append(here, m.Name)
			for _, sub := range flatten(behind(m.Type)) {
				below = append(below, m.Name+"."+sub.Name)
			}
		}
	}
	meant := append(nearest(name, here, max(1, len(name)/3)), nearest(name, below, len(name)/5)...)
	meant = meant[:min(3, len(meant))]
	for i := range meant {
		meant[i] = strings.TrimPrefix(path+"."+meant[i], ".")
	}
	return refuse("no field %s in %s%s", name, strings.Join(structs, " or "), didYouMean(meant))
}

// didYouMean ends a refusal with what may have been meant.
func didYouMean(meant []string) string {
	if len(meant) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(meant, ", ") + "?"
}

// nearest are the paths whose last name is at most that far from a name, the
// nearest first.
func nearest(name string, paths []string, far int) []string {
	type candidate struct {
		path     string
		distance int
	}
	var near []candidate
	for _, p := range paths {
		last := p[strings.LastIndexByte(p, '.')+1:]
		if d := distance(name, last); d <= far {
			near = append(near, candidate{p, d})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, c := range near {
		names = append(names, c.path)
	}
	return names
}

// distance is how many letters must be typed, deleted, replaced or swapped with
// the next to make b of a.
func distance(a, b string) int {
	prev, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			d := last[j]
			if a[i] != b[j] {
				d = 1 + min(last[j], last[j+1], row[j])
				if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
					d = min(d, prev[j-1]+1)
				}
			}
			row[j+1] = d
		}
		prev, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
