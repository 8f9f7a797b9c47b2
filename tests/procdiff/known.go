// SPDX-License-Identifier: Apache-2.0

package procdiff

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A difference that proc/ has by its design, and that its manual tells.
type exception struct {
	reason  string
	allowed func(path, question string, want, got facts) bool
}

var process = regexp.MustCompile(`^(?:self|thread-self|\d+)/`)

var object = regexp.MustCompile(`(?:^|/task/)[0-9]+$`)

var exceptions = []exception{
	{"a directory that nobody can change, which FUSE has no flag for", func(path, question string, want, got facts) bool {
		return object.MatchString(path) && question == "access to write fails" && want[question] == "EPERM"
	}},
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

// known returns the reason of a difference that is to be, or "".
func known(path, question string, want, got facts) string {
	for _, e := range exceptions {
		if e.allowed(path, question, want, got) {
			return e.reason
		}
	}
	return ""
}
