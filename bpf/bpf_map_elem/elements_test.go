// SPDX-License-Identifier: Apache-2.0

package bpfmapelem

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/iterfs/iterfs/bpf"
)

var u32 = &btf.Int{Name: "u32", Size: 4}

func sample(k ebpf.MapType, keySize, valueSize, stride, cpus int, key, value btf.Type, form bpf.Form) *elements {
	return &elements{
		kind: kinds[k], keySize: keySize, valueSize: valueSize, stride: stride, cpus: cpus, json: form == bpf.JSON,
		key: printerOf(key, keySize, form), value: printerOf(value, valueSize, form),
	}
}

func render(t *testing.T, e *elements, batch []byte) string {
	t.Helper()
	text, rest, _, err := e.Append(e.Head(make([]byte, 0, 64<<10)), batch, nil)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%v, %d bytes left", err, len(rest))
	}
	return string(text)
}

func TestRows(t *testing.T) {
	pair := &btf.Struct{Size: 4, Members: []btf.Member{
		{Name: "name", Type: &btf.Array{Type: &btf.Int{Name: "char", Size: 1}, Nelems: 4}}}}
	for _, test := range []struct {
		name       string
		kind       ebpf.MapType
		sizes      [4]int // key, value, stride, CPUs
		key, value btf.Type
		batch      string
		text, json string
	}{
		{"numbers", ebpf.Hash, [4]int{4, 4, 4, 1}, u32, u32, "\x01\x00\x00\x00\x02\x00\x00\x00\x00\x01\x00\x00\xff\xff\xff\xff",
			"       KEY      VALUE\n         1          2\n       256 4294967295\n",
			"{\"key\":1,\"value\":2}\n{\"key\":256,\"value\":4294967295}\n"},
		{"bytes", ebpf.Hash, [4]int{3, 2, 2, 1}, nil, nil, "\x01\x02\x03\xaa\xbb",
			"KEY    VALUE\n010203 aabb\n", "{\"key\":\"010203\",\"value\":\"aabb\"}\n"},
		{"a struct", ebpf.Hash, [4]int{1, 4, 4, 1}, nil, pair, "\x01a b\x00",
			"KEY VALUE\n01  {name=\"a\\040b\"}\n", "{\"key\":\"01\",\"value\":{\"name\":\"a b\"}}\n"},
		{"a type of another size", ebpf.Hash, [4]int{4, 2, 2, 1}, u32, u32, "\x01\x00\x00\x00ab",
			"       KEY VALUE\n         1 6162\n", "{\"key\":1,\"value\":\"6162\"}\n"},
		{"per CPU", ebpf.PerCPUArray, [4]int{4, 4, 8, 2}, u32, u32, "\x01\x00\x00\x00\x02\x00\x00\x00----\x03\x00\x00\x00----",
			"       KEY CPU      VALUE\n         1   0          2\n         1   1          3\n",
			"{\"key\":1,\"values\":[{\"cpu\":0,\"value\":2},{\"cpu\":1,\"value\":3}]}\n"},
		{"without keys", ebpf.Queue, [4]int{0, 2, 2, 1}, nil, nil, "ab",
			"KEY VALUE\n-   6162\n", "{\"key\":null,\"value\":\"6162\"}\n"},
	} {
		for form, want := range map[bpf.Form]string{bpf.Text: test.text, bpf.JSON: test.json} {
			e := sample(test.kind, test.sizes[0], test.sizes[1], test.sizes[2], test.sizes[3], test.key, test.value, form)
			if got := render(t, e, []byte(test.batch)); got != want {
				t.Errorf("%s: got\n%swant\n%s", test.name, got, want)
			}
			if _, _, _, err := e.Append(make([]byte, 0, 64<<10), []byte(test.batch)[1:], nil); err == nil {
				t.Errorf("%s: a torn record is taken", test.name)
			}
		}
	}
}

func TestRenderingDoesNotAllocate(t *testing.T) {
	room := make([]byte, 0, 64<<10)
	for _, form := range []bpf.Form{bpf.Text, bpf.JSON} {
		for name, e := range map[string]*elements{
			"bytes":   sample(ebpf.Hash, 4, 16, 16, 1, nil, nil, form),
			"numbers": sample(ebpf.PerCPUHash, 4, 4, 8, 2, u32, u32, form),
		} {
			batch := make([]byte, 10*e.record())
			if n := testing.AllocsPerRun(100, func() { e.Append(room, batch, nil) }); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	}
}

// A buffer that is nearly full ends a call, and nothing is lost at the seam.
func TestRoom(t *testing.T) {
	e := sample(ebpf.Hash, 4, 4, 4, 1, nil, nil, bpf.Text)
	batch := []byte(strings.Repeat("\x01\x00\x00\x00\x02\x00\x00\x00", 3))
	want := render(t, e, batch)
	got := string(e.Head(nil))
	for len(batch) > 0 {
		text, rest, rows, err := e.Append(make([]byte, 0, bpf.RowRoom), batch, nil)
		if err != nil || rows != 1 {
			t.Fatalf("%d rows, %v", rows, err)
		}
		got, batch = got+string(text), rest
	}
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Every type of map that cannot be read says why.
func TestReasons(t *testing.T) {
	for kind, k := range kinds {
		if (k.by == nothing) != (k.reason != "") {
			t.Errorf("%v: %q", kind, k.reason)
		}
	}
}
