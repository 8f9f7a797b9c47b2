// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/iterfs/iterfs/bpf"
)

// options are those of a mount, as -o has them: NAME=VALUE or NAME, separated by
// commas.
type options struct {
	source     string
	iters      string
	layout     layout
	freshness  *time.Duration // nil: not set
	allowOther bool
	readOnly   bool
	view       bpf.View
}

// A layout says what is mounted on DIR.
type layout string

const (
	layoutTree layout = "tree" // the tree, with a drop-in for /proc on its directory proc
	layoutProc layout = "proc" // the drop-in
)

// fresh is the option freshness. The default is the longest after which nobody who
// watches by eye would find what he sees to be late.
func (o *options) fresh() time.Duration {
	if o.freshness == nil {
		return 250 * time.Millisecond
	}
	return *o.freshness
}

// Set is that of a flag: it adds a list of options. Later ones win.
func (o *options) Set(list string) error {
	for word := range strings.SplitSeq(list, ",") {
		name, value, hasValue := strings.Cut(word, "=")
		i := slices.IndexFunc(mountOptions, func(known option) bool { return known.name == name })
		switch {
		case i < 0 && isIgnored(word, name):
			continue
		case i < 0:
			return fmt.Errorf("no option is called %q: there is %s", name, strings.Join(optionNames(), ", "))
		case mountOptions[i].value == "" && hasValue:
			return fmt.Errorf("option %s: it takes no value", name)
		case mountOptions[i].value != "" && value == "":
			return fmt.Errorf("option %s: want %[1]s=%s", name, mountOptions[i].value)
		}
		if err := mountOptions[i].set(o, value); err != nil {
			return fmt.Errorf("option %s: %w", name, err)
		}
	}
	return nil
}

func (o *options) setHidePID(value string) error {
	names := map[string]bpf.HidePID{"off": bpf.HideNothing, "noaccess": bpf.HideContent, "invisible": bpf.HideProcesses, "ptraceable": bpf.ShowPtraceable}
	for name, hide := range names {
		if value == name || value == strconv.Itoa(int(hide)) {
			o.view.HidePID = hide
			return nil
		}
	}
	return fmt.Errorf("%q is none of its values", value)
}

// String is a list that makes the same options.
func (o *options) String() string {
	var words []string
	for _, known := range mountOptions {
		switch value := known.get(o); {
		case value == "":
		case known.value == "":
			words = append(words, known.name)
		default:
			words = append(words, known.name+"="+value)
		}
	}
	return strings.Join(words, ",")
}

// Type is what the usage calls the flag's value.
func (o *options) Type() string { return "NAME[=VALUE],..." }
