// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// options are those of a mount, as -o has them: NAME=VALUE, separated by commas.
type options struct {
	iters string
}

// An option is one that a mount knows.
type option struct {
	name, value, doc string
	set              func(o *options, value string) error
	get              func(o *options) string // "" when it is not set
}

var mountOptions = []option{{
	name: "iters", value: "DIR", doc: "load the BPF objects *.o of DIR, as if they were copied to iters/",
	set: func(o *options, value string) (err error) {
		o.iters, err = filepath.Abs(value) // the daemon works in /
		return err
	},
	get: func(o *options) string { return o.iters },
}}

// Set is that of a flag: it adds a list of options. Later ones win.
func (o *options) Set(list string) error {
	for word := range strings.SplitSeq(list, ",") {
		name, value, ok := strings.Cut(word, "=")
		i := slices.IndexFunc(mountOptions, func(known option) bool { return known.name == name })
		switch {
		case i < 0:
			return fmt.Errorf("no option is called %q: there is %s", name, optionUsage())
		case !ok || value == "":
			return fmt.Errorf("option %s: want %[1]s=%s", name, mountOptions[i].value)
		}
		if err := mountOptions[i].set(o, value); err != nil {
			return fmt.Errorf("option %s: %w", name, err)
		}
	}
	return nil
}

// String is a list that makes the same options.
func (o *options) String() string {
	var words []string
	for _, known := range mountOptions {
		if value := known.get(o); value != "" {
			words = append(words, known.name+"="+value)
		}
	}
	return strings.Join(words, ",")
}

// Type is what the usage calls the flag's value.
func (o *options) Type() string { return "NAME=VALUE,..." }

// optionUsage lists the options that there are.
func optionUsage() string {
	var words []string
	for _, known := range mountOptions {
		words = append(words, fmt.Sprintf("%s=%s (%s)", known.name, known.value, known.doc))
	}
	return strings.Join(words, ", ")
}
