// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"bytes"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func value(t *testing.T, o *Object, name string) []byte {
	t.Helper()
	v, err := o.Value(name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVariables(t *testing.T) {
	s := newStore(t)
	o := mustPut(t, s, "variables")
	constant := map[string]bool{"level": true, "limit": true, "loud": true, "only_pid": true, "prefix": true}
	sizes := map[string]int{"color": 4, "label": 16, "level": 4, "limit": 8, "loud": 1, "only_pid": 4, "pair": 4, "prefix": 8, "runs": 8, "small": 1}
	for _, v := range o.Variables() {
		if v.Type == nil || v.Size != sizes[v.Name] || v.Constant != constant[v.Name] {
			t.Errorf("%s: %d bytes, constant %v, type %v", v.Name, v.Size, v.Constant, v.Type)
		}
		delete(sizes, v.Name)
	}
	if len(sizes) > 0 {
		t.Errorf("no variables %v", sizes)
	}
	const initial = "row 0 1099511627776 0 -1 -5 ff0000  1:2 "
	if got := read(t, o, "show"); got != initial+"1 1\n" {
		t.Errorf("the program says %q", got)
	}
	for name, to := range map[string]string{
		"limit": " \x00\x00\x00\x00\x00\x00\x00", "loud": "\x01", "level": "\x07\x00\x00\x00", "prefix": "a b\x00\x00\x00\x00\x00",
		"small": "\x80", "color": "\x03\x00\x00\x00", "label": "text\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "pair": "\x03\x00\x04\x00",
	} {
		if err := s.SetValue("variables", name, []byte(to)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := value(t, s.Object("variables"), name); string(got) != to {
			t.Errorf("%s is %q, set to %q", name, got, to)
		}
	}
	// What the programs changed is taken over too, and what is static.
	o = s.Object("variables")
	if got := read(t, o, "show"); got != "a b 0 32 1 7 -128 3 text 3:4 2 2\n" {
		t.Errorf("the program says %q", got)
	}
	if got := value(t, o, "runs"); !bytes.Equal(got, []byte{2, 0, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("runs is %v", got)
	}
}

func TestWrongVariables(t *testing.T) {
	s := newStore(t)
	o := mustPut(t, s, "variables")
	for _, test := range []struct {
		object, name, value string
		want                unix.Errno
	}{
		{"variables", "small", "12", unix.EINVAL}, {"variables", "limit", "", unix.EINVAL}, {"variables", "nothing", "1", unix.ENOENT},
		{"nothing", "small", "1", unix.ENOENT},
	} {
		if err := s.SetValue(test.object, test.name, []byte(test.value)); !errors.Is(err, test.want) {
			t.Errorf("%s/%s: %v, want %v", test.object, test.name, err, test.want)
		}
	}
	if s.Object("variables") != o || value(t, o, "small")[0] != 0xfb {
		t.Error("a wrong value changes something")
	}
	s.Remove("variables.bpf.o")
	if _, err := o.Value("small"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a variable of a removed object: %v", err)
	}
}

// A constant can make or break a program: the one before it stays.
func TestConstantThatIsRefused(t *testing.T) {
	s := newStore(t)
	o := &Object{File: "refused.o", Name: "refused"}
	var err error
	if o.spec, _, err = readELF(readObject(t, "refused")); err != nil {
		t.Fatal(err)
	}
	o.setData(".rodata", []byte{1})
	if err := s.load(o); err != nil {
		t.Fatal(err)
	}
	if err := s.SetValue("refused", "good", []byte{0}); !errors.Is(err, unix.EACCES) {
		t.Errorf("%v", err)
	}
	if s.Object("refused") != o || value(t, o, "good")[0] != 1 {
		t.Error("the object is not what it was")
	}
}
