// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An option is one that a mount knows.
type option struct {
	name, value, doc string // no value: a flag
	set              func(o *options, value string) error
	get              func(o *options) string // the value, name of a flag; "" when it is not set
}

var mountOptions = []option{{
	name: "layout", value: "tree|proc", doc: "what is on DIR: the tree, with the drop-in for /proc as its directory proc, or that drop-in itself; tree",
	set: func(o *options, value string) error { return oneOf(&o.layout, value, layoutTree, layoutProc) },
	get: func(o *options) string { return string(o.layout) },
}, {
	name: "freshness", value: "DURATION", doc: "how old what a scan of many processes reads in proc may be, as 100ms; 0 for always live; 250ms",
	set: func(o *options, value string) error {
		d, err := time.ParseDuration(value)
		if err == nil && d < 0 {
			err = errors.New("it is negative")
		}
		o.freshness = &d
		return err
	},
	get: func(o *options) string {
		if o.freshness == nil {
			return ""
		}
		return o.freshness.String()
	},
}, {
	name: "allow_other", doc: "for other users too, who see what procfs shows them",
	set: func(o *options, _ string) error { o.allowOther = true; return nil },
	get: func(o *options) string { return ifSet(o.allowOther, "allow_other") },
}, {
	name: "hidepid", value: "0|1|2|4|off|noaccess|invisible|ptraceable", doc: "which processes a reader may not see, as procfs has it; 0",
	set: func(o *options, value string) error { return o.setHidePID(value) },
	get: func(o *options) string { return number(uint64(o.view.HidePID)) },
}, {
	name: "gid", value: "N", doc: "the group that hidepid does not bind, as procfs has it; 0",
	set: func(o *options, value string) error {
		n, err := strconv.ParseUint(value, 10, 32)
		o.view.GID = uint32(n)
		return err
	},
	get: func(o *options) string { return number(uint64(o.view.GID)) },
}, {
	name: "ns", value: "reader|mount", doc: "whose namespaces and root directory are shown outside proc: the reader's, or those of the process that mounts; reader",
	set: func(o *options, value string) error {
		var whose string
		err := oneOf(&whose, value, "reader", "mount")
		o.view.OfMount = whose == "mount"
		return err
	},
	get: func(o *options) string { return ifSet(o.view.OfMount, "mount") },
}, {
	name: "iters", value: "DIR", doc: "load the BPF objects *.o of DIR, as if they were copied to iters/",
	set: func(o *options, value string) (err error) {
		o.iters, err = filepath.Abs(value) // the daemon works in /
		return err
	},
	get: func(o *options) string { return o.iters },
}, {
	name: "fsname", value: "NAME", doc: "the source in the table of mounts; iterfs",
	set: func(o *options, value string) error { o.source = value; return nil },
	get: func(o *options) string { return o.source },
}, {
	name: "ro", doc: "nothing can be written",
	set: func(o *options, _ string) error { o.readOnly = true; return nil },
	get: func(o *options) string { return ifSet(o.readOnly, "ro") },
}, {
	name: "rw", doc: "what procfs and iters/ take can be written; so it is without ro",
	set: func(o *options, _ string) error { o.readOnly = false; return nil },
	get: func(*options) string { return "" },
}}

// ignored are options that mount(8) may hand on: those of fstab that are for
// others, and those of filesystems with data, devices and programs.
var ignored = strings.Fields(`defaults auto noauto user nouser users owner group _netdev nofail default_permissions
	suid nosuid dev nodev exec noexec sync async dirsync atime noatime diratime nodiratime relatime norelatime
	strictatime nostrictatime lazytime nolazytime iversion noiversion mand nomand symfollow nosymfollow loud silent`)

// isIgnored also knows the comments that mount(8) and systemd understand.
func isIgnored(word, name string) bool {
	return slices.Contains(ignored, word) || strings.HasPrefix(word, "x-") || strings.HasPrefix(word, "X-") ||
		name == "comment" || name == "user" || name == "uhelper" || name == "helper"
}

// oneOf sets what is one of several words.
func oneOf[T ~string](to *T, value string, words ...T) error {
	if !slices.Contains(words, T(value)) {
		return fmt.Errorf("%q is none of its values", value)
	}
	*to = T(value)
	return nil
}

// ifSet and number are values where they are not those of an option that was not set.
func ifSet(set bool, value string) string {
	if !set {
		return ""
	}
	return value
}

func number(n uint64) string { return ifSet(n != 0, strconv.FormatUint(n, 10)) }

// String is how an option is written.
func (o option) String() string {
	if o.value == "" {
		return o.name
	}
	return o.name + "=" + o.value
}

// optionNames lists the options that there are.
func optionNames() (names []string) {
	for _, known := range mountOptions {
		names = append(names, known.String())
	}
	return names
}

// optionUsage says what each of them is, in a line.
func optionUsage() string {
	usage := "options of the mount, separated by commas:"
	for _, known := range mountOptions {
		usage += "\n  " + known.String() + ": " + known.doc
	}
	return usage
}
