// SPDX-License-Identifier: Apache-2.0

package procdiff

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A difference that is by design, and that the manual tells.
type exception struct {
	reason  string
	allowed func(path, question string, want, got facts) bool
}

var process = regexp.MustCompile(`^(?:self|thread-self|\d+)/`)

// exceptions are those of proc/.
var exceptions = []exception{
	{"an entry that is a link into the native procfs", func(path, question string, want, got facts) bool {
		dir, name := filepath.Split(path)
		return process.MatchString(path) && strings.Count(path, "/") == 1 &&
			(strings.HasPrefix(question, "lstat") || strings.HasPrefix(question, "readlink")) &&
			got["readlink"] == "../.native/"+filepath.Base(dir)+"/"+name
	}},
	{"the size of a link, which is that of its text", func(path, question string, want, got facts) bool {
		return question == "lstat size" && got[question] == strconv.Itoa(len(got["readlink"]))
	}},
	{"the size of a file that the page cache holds", func(path, question string, want, got facts) bool {
		return process.MatchString(path) && (question == "lstat size" || question == "stat size")
	}},
}

var object = regexp.MustCompile(`(?:^|/task/)[0-9]+$`)

// laidOver are those of directories that are laid over the kernel's own.
var laidOver = []exception{
	{"fdinfo, which procfs closes to more than its mode says", func(path, question string, want, got facts) bool {
		return filepath.Base(path) == "fdinfo" && strings.HasPrefix(question, "access") && want[question] == "EACCES"
	}},
	{"a directory that nobody can change, which FUSE has no flag for", func(path, question string, want, got facts) bool {
		return object.MatchString(path) && question == "access to write fails" && want[question] == "EPERM"
	}},
}

// known returns the reason of a difference that is to be, or "".
func (c *Comparison) known(path, question string, want, got facts) string {
	list := exceptions
	if c.Texts {
		list = laidOver
	}
	for _, e := range list {
		if e.allowed(path, question, want, got) {
			return e.reason
		}
	}
	return ""
}
