// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func value(t *testing.T, o *Object, name string) string {
	t.Helper()
	text, err := o.AppendVariable(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestVariables(t *testing.T) {
	s := newStore(t)
	o := mustPut(t, s, "variables")
	for name, want := range map[string]string{
		"only_pid": "0", "limit": "1099511627776", "loud": "false", "level": "LOW", "prefix": "row",
		"small": "-5", "color": "16711680", "label": "", "pair": "01000200", "runs": "0",
	} {
		if got := value(t, o, name); got != want+"\n" {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if n := len(o.Variables()); n != 10 {
		t.Errorf("%d variables: %q", n, o.Variables())
	}
	const initial = "row 0 1099511627776 0 -1 -5 ff0000  1:2 "
	if got := read(t, o, "show"); got != initial+"1 1\n" {
		t.Errorf("the program says %q", got)
	}
	for _, set := range [][2]string{
		{"limit", "0x20\n"}, {"loud", "true\n"}, {"level", "HIGH\n"}, {"prefix", "a b\n"}, {"small", "-128"}, {"color", " 0b11 \n"},
		{"label", "text\n"}, {"pair", "03000400\n"}, {"only_pid", "0"},
	} {
		if err := s.SetVariable("variables", set[0], []byte(set[1])); err != nil {
			t.Errorf("%s=%q: %v", set[0], set[1], err)
		}
	}
	o = s.Object("variables")
	if got := read(t, o, "show"); got != "a b 0 32 1 7 -128 3 text 3:4 2 2\n" {
		t.Errorf("the program says %q", got)
	}
	if got := value(t, o, "runs"); got != "2\n" {
		t.Errorf("runs is %q", got)
	}
	for _, same := range [][2]string{{"level", "7"}, {"level", "HIGH"}, {"loud", "1"}, {"limit", "32"}} {
		if err := s.SetVariable("variables", same[0], []byte(same[1])); err != nil {
			t.Errorf("%s=%q: %v", same[0], same[1], err)
		}
	}
	if got := value(t, s.Object("variables"), "level") + value(t, s.Object("variables"), "loud"); got != "HIGH\ntrue\n" {
		t.Errorf("level and loud are %q", got)
	}
}

func TestWrongValues(t *testing.T) {
	s := newStore(t)
	o := mustPut(t, s, "variables")
	for _, test := range []struct {
		name, text string
		want       unix.Errno
	}{
		{"only_pid", "", unix.EINVAL}, {"only_pid", "x", unix.EINVAL}, {"only_pid", "1 2", unix.EINVAL}, {"only_pid", "2147483648", unix.ERANGE},
		{"limit", "-1", unix.EINVAL}, {"limit", "18446744073709551616", unix.ERANGE}, {"small", "128", unix.ERANGE}, {"small", "-129", unix.ERANGE},
		{"loud", "2", unix.EINVAL}, {"level", "low", unix.EINVAL}, {"level", "4294967296", unix.ERANGE},
		{"prefix", "12345678", unix.ERANGE}, {"pair", "0102", unix.EINVAL}, {"pair", "0102030g", unix.EINVAL}, {"nothing", "1", unix.ENOENT},
	} {
		if err := s.SetVariable("variables", test.name, []byte(test.text)); !errors.Is(err, test.want) {
			t.Errorf("%s=%q: %v, want %v", test.name, test.text, err, test.want)
		}
	}
	if err := s.SetVariable("nothing", "x", nil); !errors.Is(err, unix.ENOENT) {
		t.Errorf("no object: %v", err)
	}
	if s.Object("variables") != o || value(t, o, "only_pid") != "0\n" || value(t, o, "small") != "-5\n" {
		t.Error("a wrong value changes something")
	}
}

// A constant can make or break a program: the one before it stays.
func TestConstantThatIsRefused(t *testing.T) {
	s := newStore(t)
	content := mustPut(t, s, "variables").Content
	o := &Object{File: "refused.o", Name: "refused", Content: content}
	var err error
	if o.spec, err = readELF(readObject(t, "refused")); err != nil {
		t.Fatal(err)
	}
	o.setData(".rodata", []byte{1})
	if err := s.load(o); err != nil {
		t.Fatal(err)
	}
	if err := s.SetVariable("refused", "good", []byte("false")); !errors.Is(err, unix.EACCES) {
		t.Errorf("%v", err)
	}
	if s.Object("refused") != o || value(t, o, "good") != "true\n" {
		t.Error("the object is not what it was")
	}
}
