// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/iterfs/iterfs/tests/vm/protocol"
)

// readCpio lists an archive as "mode name content" lines.
func readCpio(t *testing.T, archive []byte) (entries []string) {
	t.Helper()
	for at := 0; at < len(archive); {
		if at%4 != 0 || string(archive[at:at+6]) != "070701" {
			t.Fatalf("no header at offset %d", at)
		}
		field := func(i int) int {
			n, err := strconv.ParseUint(string(archive[at+6+8*i:at+14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		padded := func(n int) int { return (n + 3) &^ 3 }
		mode, size, nameSize := field(1), field(6), field(11)
		name := string(archive[at+110 : at+110+nameSize])
		at = padded(at + 110 + nameSize)
		entries = append(entries, fmt.Sprintf("%o %q %s", mode, name, archive[at:at+size]))
		at = padded(at + size)
	}
	return entries
}

func TestCpio(t *testing.T) {
	from := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "f"), []byte("12345"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("f", filepath.Join(from, "l")); err != nil {
		t.Fatal(err)
	}
	c := new(cpio)
	c.file("/a/b/c", 0o755, []byte("x"))
	c.link("a/d", "b/c")
	for _, dir := range []string{from, filepath.Join(from, "absent")} {
		if err := c.tree("a/b/t", dir); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`40755 "a\x00" `, `40755 "a/b\x00" `, `100755 "a/b/c\x00" x`, `120777 "a/d\x00" b/c`,
		`40755 "a/b/t\x00" `, `100640 "a/b/t/f\x00" 12345`, `120777 "a/b/t/l\x00" f`, `0 "TRAILER!!!\x00" `,
	}
	// The kernel takes archives one after another.
	if got := readCpio(t, append(c.end(), new(cpio).end()...)); !slices.Equal(got, append(want, `0 "TRAILER!!!\x00" `)) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestSession(t *testing.T) {
	var line strings.Builder
	say := func(m protocol.Message) { line.WriteString(m.Line()) }
	line.WriteString("noise of firmware")
	say(protocol.Message{Event: protocol.Begin, Release: "6.1.0"})
	say(protocol.Message{Event: protocol.Start, Package: "a/b"})
	line.WriteString("one\n\x16--- PASS: TestOne\nleft open")
	say(protocol.Message{Event: protocol.Finish, Package: "a/b", Status: 3, Took: time.Second})
	say(protocol.Message{Event: protocol.Start, Package: "c"})
	line.WriteString("two\n\x16iterfs-vm {not a message\ncut off")

	var said []string
	s := &session{say: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}
	begins := 0
	s.onBegin = func() { begins++ }
	if err := s.read(io.MultiReader(strings.NewReader(line.String()), new(bytes.Buffer))); err != nil {
		t.Fatal(err)
	}
	if !s.begun || begins != 1 || s.ended || s.release != "6.1.0" || len(s.runs) != 2 {
		t.Fatalf("%+v, said %q", s, said)
	}
	first, second := s.runs[0], s.runs[1]
	if first.importPath != "a/b" || !first.finished || first.status != 3 || first.took != time.Second ||
		first.output.String() != "one\n\x16--- PASS: TestOne\nleft open\n" {
		t.Errorf("first run %+v", first)
	}
	if second.finished || second.output.String() != "two\n\x16iterfs-vm {not a message\ncut off" {
		t.Errorf("second run %+v", second)
	}
	s.line(protocol.Message{Event: protocol.End}.Line())
	if !s.ended {
		t.Error("the end was missed")
	}
}

func TestJudge(t *testing.T) {
	run := func(finished bool, status int) *packageRun { return &packageRun{finished: finished, status: status} }
	parent := []testEvent{
		{"run", "TestA", ""}, {"output", "TestA", "a\n"}, {"pass", "TestA", ""},
		{"run", "TestB", ""}, {"run", "TestB/x", ""}, {"output", "TestB/x", "x\n"}, {"fail", "TestB/x", ""},
		{"run", "TestB/y", ""}, {"output", "TestB/y", "y\n"}, {"skip", "TestB/y", ""}, {"fail", "TestB", ""},
		{"output", "", "main\n"}, {"fail", "", ""},
	}
	for name, test := range map[string]struct {
		run    *packageRun
		events []testEvent
		want   counts
		shown  string
	}{
		"passed":         {run(true, 0), parent[:3], counts{passed: 1}, ""},
		"subtest failed": {run(true, 1), parent, counts{passed: 1, failed: 1, skipped: 1}, "x\ny\nmain\n"},
		"TestMain":       {run(true, 1), append(parent[:3:3], parent[11:]...), counts{passed: 1, failed: 1}, "main\n"},
		"cut off":        {run(false, 0), parent[:6], counts{passed: 1, failed: 1}, "x\n"},
		"not begun":      {run(false, 0), nil, counts{failed: 1}, ""},
		"parent itself": {run(true, 1), []testEvent{{"run", "T", ""}, {"run", "T/a", ""}, {"pass", "T/a", ""}, {"fail", "T", ""}},
			counts{passed: 1, failed: 1}, ""},
	} {
		if got, shown := judge(test.run, test.events); got != test.want || shown != test.shown {
			t.Errorf("%s: %+v and %q, want %+v and %q", name, got, shown, test.want, test.shown)
		}
	}
}

func TestMatrix(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kernels.md")
	old := &result{name: "5.10", release: "5.10.0-32-cloud-amd64", doctor: "ok      BTF\nok      target task\nabsent  target ksym: no\n"}
	new := &result{name: "newest", release: "7.3.4+deb13", doctor: "ok      target task\nFAIL    target ksym: no\nok      target more\n"}
	if err := writeMatrix(file, []*result{old, new}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	want := "| target | 5.10 | 7.3 |\n|---|---|---|\n| task | yes | yes |\n| ksym | - | fails |\n| more | fails | yes |\n"
	if err != nil || !strings.HasSuffix(string(text), want) {
		t.Errorf("%v, %s, want\n%s", err, text, want)
	}
	if err := writeMatrix(file, []*result{{name: "6.1"}}); err == nil {
		t.Error("a matrix of a kernel that was not tested")
	}
}

func TestLoadOrder(t *testing.T) {
	graph := map[string]string{"a": "b,c-x", "b": "d", "c_x": "d,builtin", "d": ""}
	depends := func(name string) ([]string, error) {
		list, ok := graph[name]
		if !ok {
			return nil, errBuiltIn
		}
		return modinfoDepends("license=GPL\x00depends=" + list + "\x00name=" + name + "\x00"), nil
	}
	got, err := loadOrder([]string{"b", "other", "a"}, depends)
	if want := []string{"d", "b", "c_x", "a"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestArguments(t *testing.T) {
	chosen, err := parseKernels("6.1,newest,6.1,6.16.12+deb13-cloud-amd64")
	if want := []choice{choices[1], choices[3], {name: "6.16.12+deb13-cloud-amd64", suite: "trixie-backports"}}; err != nil || !reflect.DeepEqual(chosen, want) {
		t.Errorf("%+v, %v", chosen, err)
	}
	for _, args := range [][]string{{"-kernels", "4.19"}, {"-kernels", ""}, {"-kernels", "../x-cloud-amd64"}, {"-timeout", "0s"}, {"-mem", "1"}, {"-what"}} {
		if _, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	got := parseDepends("Package: x\nDepends: linux-base (= 1, 2), linux-image-6.1 (= 6.1-1) | y\nSize: 1\n")
	if want := []string{"linux-base", "linux-image-6.1", "y"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
