// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/loader/userobj"
)

var (
	charType   = &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	stringType = &btf.Const{Type: &btf.Volatile{Type: &btf.Array{Type: charType, Nelems: 8}}}
	enumType   = &btf.Enum{Name: "level", Size: 4, Signed: true, Values: []btf.EnumValue{{Name: "LOW", Value: 1<<64 - 1}, {Name: "HIGH", Value: 7}}}
	pairType   = &btf.Struct{Name: "pair", Size: 4, Members: []btf.Member{{Name: "a", Type: unsigned(2)}, {Name: "b", Type: unsigned(2), Offset: 16}}}
)

func unsigned(size uint32) *btf.Int { return &btf.Int{Name: "unsigned", Size: size} }

func signed(size uint32) *btf.Int { return &btf.Int{Name: "signed", Size: size, Encoding: btf.Signed} }

// What a variable is set to is what it shows.
func TestValues(t *testing.T) {
	boolType := &btf.Int{Name: "_Bool", Size: 1, Encoding: btf.Bool}
	for _, test := range []struct {
		t             btf.Type
		size          int
		set, is, text string // text is what is shown, "" for set
	}{
		{signed(1), 1, "-5", "\xfb", ""},
		{signed(8), 8, "-9223372036854775808", "\x00\x00\x00\x00\x00\x00\x00\x80", ""},
		{unsigned(8), 8, "18446744073709551615", "\xff\xff\xff\xff\xff\xff\xff\xff", ""},
		{unsigned(2), 2, " 0xff00\n", "\x00\xff", "65280"},
		{unsigned(4), 4, "0b11\n", "\x03\x00\x00\x00", "3"},
		{boolType, 1, "true\n", "\x01", "true"}, {boolType, 1, "0", "\x00", "false"},
		{enumType, 4, "LOW", "\xff\xff\xff\xff", ""}, {enumType, 4, "7", "\x07\x00\x00\x00", "HIGH"}, {enumType, 4, "9", "\x09\x00\x00\x00", ""},
		{stringType, 8, "a b\n", "a b\x00\x00\x00\x00\x00", "a b"}, {stringType, 8, "", "\x00\x00\x00\x00\x00\x00\x00\x00", ""},
		{pairType, 4, "01000200", "\x01\x00\x02\x00", "{a=1,b=2}"},
		{nil, 3, "00ff7f", "\x00\xff\x7f", ""},
	} {
		v := userobj.Variable{Type: test.t, Size: test.size}
		value, err := parseValue(v, []byte(test.set))
		if err != nil || string(value) != test.is {
			t.Errorf("%q as a %v: %q, %v, want %q", test.set, test.t, value, err, test.is)
		}
		want := test.text
		if want == "" {
			want = test.set
		}
		if got := string(appendValue(nil, v, []byte(test.is))); got != want {
			t.Errorf("%q as a %v: shown as %q, want %q", test.is, test.t, got, want)
		}
	}
}

func TestWrongValues(t *testing.T) {
	for _, test := range []struct {
		t    btf.Type
		size int
		text string
		want unix.Errno
	}{
		{signed(4), 4, "", unix.EINVAL}, {signed(4), 4, "x", unix.EINVAL}, {signed(4), 4, "1 2", unix.EINVAL}, {signed(4), 4, "2147483648", unix.ERANGE},
		{unsigned(8), 8, "-1", unix.EINVAL}, {unsigned(8), 8, "18446744073709551616", unix.ERANGE}, {signed(1), 1, "-129", unix.ERANGE},
		{&btf.Int{Size: 1, Encoding: btf.Bool}, 1, "2", unix.EINVAL}, {enumType, 4, "low", unix.EINVAL}, {enumType, 4, "4294967296", unix.ERANGE},
		{stringType, 8, "12345678", unix.ERANGE}, {pairType, 4, "0102", unix.EINVAL}, {pairType, 4, "0102030g", unix.EINVAL}, {nil, 1, "", unix.EINVAL},
	} {
		if value, err := parseValue(userobj.Variable{Type: test.t, Size: test.size}, []byte(test.text)); fs.Errno(err) != test.want || !errors.Is(err, test.want) {
			t.Errorf("%q as a %v: %q, %v, want %v", test.text, test.t, value, err, test.want)
		}
	}
}
