// SPDX-License-Identifier: Apache-2.0

package procdiff

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A difference that is by design, and that the manual tells.
type exception struct {
	reason  string
	allowed func(path, question string, want, got facts) bool
}

var (
	directory = regexp.MustCompile(`^(?:self|thread-self|\d+(?:/task/\d+)?)$`) // of a process or thread,
	threads   = regexp.MustCompile(`^\d+/task$`)
	entry     = regexp.MustCompile(`^\d+(?:/task/\d+)?/[^/]+$`) // what is in it
	pageCache = regexp.MustCompile(`^\d+/(?:stat|statm|status|cmdline)$`)
	byText    = regexp.MustCompile(`^\d+(?:/task/\d+)?/(?:exe|cwd|root)$`)
	object    = regexp.MustCompile(`(?:^|/task/)[0-9]+$`)
)

// exceptions are those of proc/.
var exceptions = []exception{
	{"an entry is a link into the native procfs", func(path, question string, want, got facts) bool {
		switch {
		case question == "list types":
			return directory.MatchString(path) && onlyLinks(want[question], got[question])
		case strings.HasPrefix(question, "lstat"), strings.HasPrefix(question, "readlink"):
			_, native, _ := strings.Cut(got["readlink"], "/"+nativeName+"/")
			return entry.MatchString(path) && native == path
		}
		return false
	}},
	{"the size of a link, which is that of its text", func(path, question string, want, got facts) bool {
		return question == "lstat size" && got[question] == strconv.Itoa(len(got["readlink"]))
	}},
	{"the root has a size, so that who reads it is told", func(path, question string, _, got facts) bool {
		return path == "." && strings.HasSuffix(question, "stat size") && got[question] == "1"
	}},
	{"a file in the page cache has a size", func(path, question string, _, _ facts) bool {
		return pageCache.MatchString(path) && (question == "lstat size" || question == "stat size")
	}},
	{"what is in the page cache cannot be opened for writing", func(path, question string, _, got facts) bool {
		return (pageCache.MatchString(path) || directory.MatchString(path) || threads.MatchString(path) || path == ".") &&
			(question == "open for writing fails" || question == "access to write fails") && got[question] == "EROFS"
	}},
	{"exe, cwd and root lead where their text does", func(path, question string, want, got facts) bool {
		return byText.MatchString(path) && (strings.HasPrefix(question, "stat ") || question == "leads to") &&
			got["readlink"] == want["readlink"]
	}},
	unchangeable,
}

// laidOver are those of directories that are laid over the kernel's own.
var laidOver = []exception{
	{"fdinfo, which procfs closes to more than its mode says", func(path, question string, want, got facts) bool {
		return filepath.Base(path) == "fdinfo" && strings.HasPrefix(question, "access") && want[question] == "EACCES"
	}},
	unchangeable,
}

var unchangeable = exception{"a directory that nobody can change, which FUSE has no flag for", func(path, question string, want, got facts) bool {
	return object.MatchString(path) && question == "access to write fails" && want[question] == "EPERM"
}}

// onlyLinks reports whether the types in a list differ only where one is a link, and
// that is not the directory of the threads.
func onlyLinks(want, got string) bool {
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i, line := range gots {
		name, isLink := strings.CutSuffix(line, fmt.Sprintf(" %d", unix.DT_LNK))
		if i >= len(wants) || line != wants[i] && (!isLink || name == "task" || !strings.HasPrefix(wants[i], name+" ")) {
			return false
		}
	}
	return len(gots) == len(wants)
}

// nativeName is the directory of the drop-in where the native procfs is.
const nativeName = ".native"

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
