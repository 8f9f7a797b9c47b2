// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// spell writes a path as it was parsed.
func (p path) spell() string {
	var b strings.Builder
	for _, s := range p.steps {
		b.WriteString(s.String())
	}
	return strings.TrimPrefix(b.String(), ".")
}

func TestParsePaths(t *testing.T) {
	for _, text := range []string{
		"pid", "mm.total_vm", "signal.rlim[7].rlim_cur", "sk_common:tcp_sock.snd_cwnd",
		"file.f_inode.i_mode&0170000:oct", "pids[PIDTYPE_PGID].numbers[0].nr", "a,b.c,d[0x10]", "_x9",
	} {
		paths, err := parsePaths(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var spelled []string
		for _, p := range paths {
			spelled = append(spelled, p.spell())
		}
		if got := strings.Join(spelled, ","); got != text {
			t.Errorf("%s is parsed as %s", text, got)
		}
	}
}

// Hostile names are refused, and by the errors that a file's name can have.
func TestRefusedNames(t *testing.T) {
	for _, text := range []string{
		"", ",", "a,", ",a", "a,,b", ".", "..", "a..b", "a.", ".a", "a[", "a[]", "a]", "a[1", "a[1]b", "a[-1]", "a[1 ]", "[0]",
		"a:", "a::b", "a&", "a.1", "1a", "a b", "a\nb", "a/b", "a-b", "a->b", "a;b", "a\x00b", "ä", "\xff", "a,a", "pid=1", "*", "a*", "%s",
		"<target>", strings.Repeat("a,", 600), strings.Repeat("a.", 400_000),
	} {
		_, err := parsePaths(text)
		if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENAMETOOLONG) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	for _, text := range []string{
		"", "pid", "=", "=1", "pid!1", "pid==1,", "pid=1,", ",pid=1", "pid=1,,tgid=2", `comm=\`, `comm=\1`, `comm=\19x`, `comm=\000`,
		`comm=\777`, "pid!", "a=\x00",
	} {
		if _, err := parseConditions(text); !errors.Is(err, unix.ENOENT) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParseConditions(t *testing.T) {
	for text, want := range map[string]condition{
		"pid=1":                   {op: "=", value: "1"},
		"pid!=1":                  {op: "!=", value: "1"},
		"mm.total_vm>=10":         {op: ">=", value: "10"},
		"mm.total_vm<10":          {op: "<", value: "10"},
		"comm~sh":                 {op: "~", value: "sh"},
		"comm!~sh":                {op: "!~", value: "sh"},
		"comm=":                   {op: "=", value: ""},
		"comm=a=b":                {op: "=", value: "a=b"},
		"comm==":                  {op: "=", value: "="},
		`comm=a\040b\054\057\134`: {op: "=", value: `a b,/\`},
		"mm=-":                    {op: "=", value: "-", missing: true},
		`comm=\055`:               {op: "=", value: "-"},
		"exit_signal=-1":          {op: "=", value: "-1"},
	} {
		all, err := parseConditions(text)
		if err != nil || len(all) != 1 {
			t.Errorf("%s: %v", text, err)
			continue
		}
		c := all[0]
		if c.op != want.op || c.value != want.value || c.missing != want.missing {
			t.Errorf("%s is parsed as %+v", text, c)
		}
	}
	if all, err := parseConditions("pid>1,comm=x,tgid<=9"); err != nil || len(all) != 3 {
		t.Errorf("three conditions are %v, %v", all, err)
	}
}

// What parses is what was written; what does not is refused and no more.
func FuzzGrammar(f *testing.F) {
	for _, seed := range []string{"pid,comm", "a.b[1]:c&7", "a[", `x=\040`, "a!=b,c~d", "", "a..b", "\x00", "a=-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		paths, err := parsePaths(text)
		if err == nil {
			var spelled []string
			for _, p := range paths {
				spelled = append(spelled, p.spell())
			}
			if got := strings.Join(spelled, ","); got != text {
				t.Errorf("%q is parsed as %q", text, got)
			}
		} else if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENAMETOOLONG) {
			t.Errorf("%q: %v", text, err)
		}
		conditions, err := parseConditions(text)
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENAMETOOLONG) {
			t.Errorf("%q: %v", text, err)
		}
		for _, c := range conditions {
			if !strings.HasPrefix(c.text, c.path.spell()+c.op) || len(c.value) > len(c.text) {
				t.Errorf("%q is parsed as %+v", c.text, c)
			}
		}
	})
}
