// SPDX-License-Identifier: Apache-2.0

package taskvma

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// record makes one as the program writes it.
func record(r taskVmaVmaRecord, name string) []byte {
	size := int(unsafe.Sizeof(r)) + (len(name)+8)/8*8
	r.Head.Size, r.NameLength = uint32(size), uint16(len(name))
	b := make([]byte, size)
	copy(b, unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)))
	copy(b[unsafe.Sizeof(r):], name)
	return b
}

// end is the record behind all others.
func end() []byte {
	h := taskVmaHead{Size: uint32(unsafe.Sizeof(taskVmaHead{}))}
	return unsafe.Slice((*byte)(unsafe.Pointer(&h)), unsafe.Sizeof(h))
}

func lines() *sweep {
	return newSweep(func(source bpf.Source[mapping]) bpf.Format { return source.Lines(appendLine) }, nil)
}

func TestLine(t *testing.T) {
	for _, test := range []struct {
		record taskVmaVmaRecord
		name   string
		want   string
	}{
		{taskVmaVmaRecord{Start: 0x400000, End: 0x6ac000, Flags: 0x75, Ino: 42, Dev: 254 << 20}, "",
			"00400000-006ac000 r-xp 00000000 fe:00 42 \n"},
		{taskVmaVmaRecord{Start: 0x7f0000001000, End: 0x7f0000002000, Flags: 0xfb, Offset: 3, Name: namePath, Ino: 7, Dev: 1}, "/a b\n\\",
			"7f0000001000-7f0000002000 rw-s 00003000 00:01 7                          /a b\\012\\\n"},
		{taskVmaVmaRecord{Start: 0x1000, End: 0x2000, Name: nameHeap}, "",
			"00001000-00002000 ---p 00000000 00:00 0                                  [heap]\n"},
		{taskVmaVmaRecord{Start: 0x1000, End: 0x2000, Name: nameStack}, "",
			"00001000-00002000 ---p 00000000 00:00 0                                  [stack]\n"},
		{taskVmaVmaRecord{Start: 0x1000, End: 0x2000, Name: nameSpecial}, "[vdso]",
			"00001000-00002000 ---p 00000000 00:00 0                                  [vdso]\n"},
		{taskVmaVmaRecord{Start: 0x1000, End: 0x2000, Name: nameAnon}, "a name",
			"00001000-00002000 ---p 00000000 00:00 0                                  [anon:a name]\n"},
		{taskVmaVmaRecord{Start: 0x1000, End: 0x2000, Name: nameShmem, Dev: 1, Ino: 1 << 60}, "shared",
			"00001000-00002000 ---p 00000000 00:01 1152921504606846976                [anon_shmem:shared]\n"},
		{taskVmaVmaRecord{Start: 1 << 63, End: 1<<64 - 1, Offset: 1 << 51, Name: nameHeap, Dev: 1<<32 - 1, Ino: 1<<64 - 1}, "",
			"8000000000000000-ffffffffffffffff ---p 8000000000000000 fff:fffff 18446744073709551615  [heap]\n"},
	} {
		text, rest, rows, err := lines().Append(nil, record(test.record, test.name), nil)
		if err != nil || len(rest) > 0 || rows != 1 || string(text) != test.want {
			t.Errorf("%q, %v, want\n%q", text, err, test.want)
		}
	}
}

// A process has its gate behind its last mapping, wherever the batches end.
func TestGate(t *testing.T) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	gate := ""
	if i := strings.Index(string(maps), "ffffffffff600000-"); i >= 0 {
		gate = string(maps[i:])
	}
	mapped := func(pid uint32, start uint64, gate uint8) []byte {
		return record(taskVmaVmaRecord{Head: taskVmaHead{Tgid: pid, NativeTgid: pid, Start: 5}, Start: start, End: start + 1, Gate: gate}, "")
	}
	batch := func(records ...[]byte) (b []byte) {
		for _, r := range records {
			b = append(b, r...)
		}
		return b
	}
	row := func(start string) string { return start + " ---p 00000000 00:00 0 \n" }
	one, two, three, four := row("00000001-00000002"), row("00000002-00000003"), row("00000003-00000004"), row("00000004-00000005")
	all := one + two + gate + three + four + gate
	for _, test := range []struct {
		batches [][]byte
		only    *bpf.Key
		want    string
	}{
		{[][]byte{batch(mapped(1, 1, 1), mapped(1, 2, 1), mapped(2, 3, 0), mapped(3, 4, 1), end())}, nil, all},
		{[][]byte{mapped(1, 1, 1), mapped(1, 2, 1), mapped(2, 3, 0), mapped(3, 4, 1), end()}, nil, all},
		{[][]byte{batch(mapped(1, 1, 1), mapped(1, 2, 1), mapped(2, 3, 0)), batch(mapped(3, 4, 1), end())}, &bpf.Key{ID: 1, Birth: 5}, one + two + gate},
		{[][]byte{batch(mapped(1, 1, 1), mapped(3, 4, 1)), end()}, &bpf.Key{ID: 3, Birth: 5}, four + gate},
		{[][]byte{batch(mapped(3, 4, 1), end())}, &bpf.Key{ID: 3, Birth: 6}, ""},
		{[][]byte{end()}, nil, ""},
	} {
		for _, room := range []int{0, bpf.RowRoom, 64 << 10} {
			s, got := lines(), ""
			for _, b := range test.batches {
				var err error
				for len(b) > 0 && err == nil {
					var text []byte
					text, b, _, err = s.Append(make([]byte, 0, room), b, test.only)
					got += string(text)
				}
				if ended := bytes.HasSuffix(b, end()); err != nil && (err != io.EOF || !ended) {
					t.Fatal(err)
				}
			}
			if got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		}
	}
}

func TestTornBatches(t *testing.T) {
	whole := record(taskVmaVmaRecord{Name: namePath}, "/a/name")
	for n := 1; n < len(whole); n++ {
		if _, _, _, err := lines().Append(nil, whole[:n:n], nil); err == nil {
			t.Errorf("%d of %d bytes are taken for a record", n, len(whole))
		}
	}
}
