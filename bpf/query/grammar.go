// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// maxName is the longest name that FUSE passes on, FUSE_NAME_MAX. A query that
// is read without a mount keeps to it too.
const maxName = 1024

// A Text is a query as the tree spells it.
type Text struct {
	// Target is the name of an iterator target.
	Target string
	// Where are conditions, Fields the columns; both separated by commas.
	Where, Fields string
	// Count makes one row of all objects with the same values, with their number.
	Count bool
	// Sum is a field that is added up in each such row.
	Sum string
	// Numbers are those that tasks have in the answer; it tells of no others.
	Numbers Numbers
}

// grouped reports whether a row stands for all objects with the same values.
func (t *Text) grouped() bool { return t.Count || t.Sum != "" }

// A path is a field as it is asked for: a name, and what leads on from there.
type path struct {
	text  string
	steps []step
}

// A step leads on: '.' to a member, '[' to an element, ':' casts or formats, '&'
// masks. A path begins with the step '.'.
type step struct {
	op  byte
	arg string
}

func (s step) String() string {
	if s.op == '[' {
		return "[" + s.arg + "]"
	}
	return string(s.op) + s.arg
}

// A condition compares a field with a value.
type condition struct {
	text  string
	path  path
	op    string
	value string
	// missing: the value is "-", which stands for a missing one, and not for a dash.
	missing bool
}

// operators are in the order in which they are looked for.
var operators = []string{"!=", "!~", "<=", ">=", "=", "<", ">", "~"}

// parsePaths parses a name of the tree that lists fields.
func parsePaths(text string) ([]path, error) {
	if err := checkName(text); err != nil {
		return nil, err
	}
	var paths []path
	asked := map[string]bool{}
	for field := range strings.SplitSeq(text, ",") {
		if asked[field] {
			return nil, refuse("%s is asked for twice", field)
		}
		asked[field] = true
		p, err := parsePath(field)
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
	}
	return paths, nil
}

func checkName(text string) error {
	switch {
	case len(text) > maxName:
		return fmt.Errorf("a name of %d bytes, and %d is the limit: %w", len(text), maxName, unix.ENAMETOOLONG)
	case strings.IndexByte(text, 0) >= 0:
		return refuse("a NUL in the name")
	}
	return nil
}

// parsePath parses one field.
func parsePath(text string) (path, error) {
	p := path{text: text}
	for rest := "." + text; rest != ""; {
		s := step{op: rest[0]}
		if strings.IndexByte(".[:&", s.op) < 0 {
			return p, refuse("%q in %q is not part of a field: fields are like mm.total_vm, rlim[7].rlim_cur, sk_common:tcp_sock.snd_cwnd, flags&0x200000", rest[:1], text)
		}
		n := 1
		for n < len(rest) && isNameByte(rest[n]) {
			n++
		}
		s.arg, rest = rest[1:n], rest[n:]
		if s.op == '[' {
			if rest == "" || rest[0] != ']' {
				return p, refuse("a [ without its ] in %q", text)
			}
			rest = rest[1:]
		}
		if s.arg == "" || isDigit(s.arg[0]) && (s.op == '.' || s.op == ':') {
			return p, refuse("a name is missing in %q", text)
		}
		p.steps = append(p.steps, s)
	}
	return p, nil
}

// parseConditions parses a name of the tree that lists conditions.
func parseConditions(text string) ([]condition, error) {
	if err := checkName(text); err != nil {
		return nil, err
	}
	var conditions []condition
	for one := range strings.SplitSeq(text, ",") {
		c, err := parseCondition(one)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, c)
	}
	return conditions, nil
}

func parseCondition(text string) (condition, error) {
	c := condition{text: text}
	at := strings.IndexAny(text, "=!<>~")
	if at < 0 {
		return c, refuse("the condition %q has none of = != < <= > >= ~ !~", text)
	}
	for _, op := range operators {
		if strings.HasPrefix(text[at:], op) {
			c.op = op
			break
		}
	}
	if c.op == "" {
		return c, refuse("%q in %q is no operator", text[at:at+1], text)
	}
	var err error
	if c.path, err = parsePath(text[:at]); err != nil {
		return c, err
	}
	raw := text[at+len(c.op):]
	c.missing = raw == "-"
	c.value, err = unescape(raw)
	return c, err
}

// unescape undoes what the tables do to a value: \040 is a space. What a name of
// the tree cannot hold is written so too: \054 is a comma, \057 a slash.
func unescape(text string) (string, error) {
	if !strings.Contains(text, `\`) {
		return text, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		var c int
		digits := 0
		for ; digits < 3 && i+1 < len(text) && text[i+1]&^7 == '0'; digits++ {
			i++
			c = c<<3 | int(text[i]-'0')
		}
		if digits < 3 || c == 0 || c > 0xff {
			return "", refuse(`a backslash in %q without three octal digits: write \134 for a backslash, \054 for a comma, \057 for a slash`, text)
		}
		b.WriteByte(byte(c))
	}
	return b.String(), nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameByte(c byte) bool {
	return c == '_' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
