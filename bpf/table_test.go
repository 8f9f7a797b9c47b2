// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/json"
	"strings"
	"testing"
	"unsafe"
)

type record struct {
	ID   uint32
	Size int32
	Name [8]int8
}

var (
	testSource = Source[*record]{Decode: Fixed[record], Key: func(r *record) Key { return Key{ID: r.ID} }}
	testTable  = Table[*record]{Source: testSource, Columns: []Column[*record]{
		{Name: "ID", Width: 4, Number: Always(func(r *record) int64 { return int64(r.ID) })},
		{Name: "NAME", Width: 6, Text: func(dst []byte, r *record) ([]byte, bool) { return append(dst, Chars(r.Name[:])...), true }},
		{Name: "SIZE", Width: 3, Number: func(r *record) (int64, bool) { return int64(r.Size), r.Size >= 0 }},
		{Name: "LAST", Width: 9, Text: func(dst []byte, r *record) ([]byte, bool) { return append(dst, "l\x00"...), r.Size != 7 }},
	}}
)

func batch(records ...record) (b []byte) {
	for i := range records {
		b = append(b, unsafe.Slice((*byte)(unsafe.Pointer(&records[i])), unsafe.Sizeof(records[i]))...)
	}
	return b
}

func name(s string) (n [8]int8) {
	for i := range len(s) {
		n[i] = int8(s[i])
	}
	return n
}

var some = batch(record{1, 5, name("one")}, record{22222, -1, name("a b\n\\")}, record{3, 7, name("")})

func render(t *testing.T, f Format, b []byte, only *Key) string {
	t.Helper()
	text, rest, _, err := f.Append(f.Head(make([]byte, 0, 64<<10)), b, only)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%v, %d bytes left", err, len(rest))
	}
	return string(text)
}

func TestTableText(t *testing.T) {
	want := "  ID NAME   SIZE LAST\n" +
		"   1 one      5 l\\000\n" +
		"22222 a\\040b\\012\\134   - l\\000\n" +
		"   3 -        7 -\n"
	got := render(t, testTable.Text(), some, nil)
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, line := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
		if n := len(strings.Fields(line)); n != len(testTable.Columns) {
			t.Errorf("%d columns in %q", n, line)
		}
	}
}

func TestTableJSON(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(render(t, testTable.JSON(), some, nil), "\n"), "\n")
	want := []map[string]any{
		{"id": 1., "name": "one", "size": 5., "last": "l\x00"},
		{"id": 22222., "name": "a b\n\\", "size": nil, "last": "l\x00"},
		{"id": 3., "name": "", "size": 7., "last": nil},
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		for k, v := range want[i] {
			if got[k] != v {
				t.Errorf("%s: %s is %v, want %v", line, k, got[k], v)
			}
		}
	}
}

func TestTableInfo(t *testing.T) {
	want := "id:\t22222\nname:\ta\\040b\\012\\134\nsize:\t-\nlast:\tl\\000\n"
	if got := render(t, testTable.Info(), some, &Key{ID: 22222}); got != want {
		t.Errorf("got %q", got)
	}
}

func TestTornRecordIsAnError(t *testing.T) {
	_, _, rows, err := testTable.Text().Append(make([]byte, 0, 64<<10), some[:len(some)-3], nil)
	if err == nil || rows != 2 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// A buffer that is nearly full ends a call, and nothing is lost at the seam.
func TestRoom(t *testing.T) {
	f := testTable.Text()
	want := render(t, f, some, nil)
	got, b := f.Head(nil), some
	for calls := 0; len(b) > 0; calls++ {
		text, rest, rows, err := f.Append(make([]byte, 0, RowRoom), b, nil)
		if err != nil || rows != 1 {
			t.Fatalf("%d rows, %v", rows, err)
		}
		got, b = append(got, text...), rest
	}
	if string(got) != want {
		t.Errorf("got %q", got)
	}
}

func TestQuote(t *testing.T) {
	for _, s := range []string{"", "plain", `"quoted" \`, "tab\tnewline\n\x01", "Grüße", "\xff\xfebad", "\u2028"} {
		var got string
		quoted := QuoteTail([]byte("x"+s), 1)
		if err := json.Unmarshal(quoted[1:], &got); err != nil {
			t.Errorf("%q: %v", quoted, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); got != want && strings.Count(got, "\ufffd") != 2 {
			t.Errorf("%q came back as %q", s, got)
		}
	}
}

func TestRenderingDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 64<<10)
	for what, f := range map[string]Format{"text": testTable.Text(), "JSON": testTable.JSON()} {
		plain := batch(record{1, 5, name("one")}, record{2, -1, name("a b")})
		if n := testing.AllocsPerRun(100, func() { f.Append(dst, plain, nil) }); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

func TestColumnWithJSONOfItsOwn(t *testing.T) {
	list := Table[*record]{Source: testSource, Columns: []Column[*record]{{
		Name: "LIST",
		Text: func(dst []byte, r *record) ([]byte, bool) { return append(dst, "1,2"...), r.Size >= 0 },
		JSON: func(dst []byte, r *record) []byte { return append(dst, "[1,2]"...) },
	}}}
	if got, want := render(t, list.JSON(), some, nil), "{\"list\":[1,2]}\n{\"list\":null}\n{\"list\":[1,2]}\n"; got != want {
		t.Errorf("got %s", got)
	}
	if got, want := render(t, list.Text(), some, nil), "LIST\n1,2\n-\n1,2\n"; got != want {
		t.Errorf("got %s", got)
	}
}
