// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/objects"
)

func readObject(t testing.TB, name string) []byte {
	t.Helper()
	return bytes.Clone(objects.Read(t, name))
}

func TestTruncated(t *testing.T) {
	whole := readObject(t, "variables")
	for n := range whole {
		if o, err := parse(whole[:n]); !errors.Is(err, unix.ENOEXEC) {
			t.Fatalf("%d bytes of %d: %v, %v", n, len(whole), o, err)
		}
	}
}

// What has become of an object in transit is refused or loads, and is never more.
func TestCorrupted(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"variables", "tcp", "ipv6_route", "map_elem"} {
		whole := readObject(t, name)
		for range 2000 {
			b := bytes.Clone(whole)
			for range 1 + rng.IntN(8) {
				b[rng.IntN(len(b))] = byte(rng.Uint32())
			}
			if _, err := parse(b); err != nil && !errors.Is(err, unix.ENOEXEC) && !errors.Is(err, unix.EINVAL) {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// section returns the place of a section's header in an object.
func section(t *testing.T, b []byte, name string) []byte {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	table := binary.LittleEndian.Uint64(b[0x28:])
	for i, s := range f.Sections {
		if s.Name == name {
			return b[table+uint64(i)*64:][:64]
		}
	}
	t.Fatalf("no section %s", name)
	return nil
}

// An object of few bytes does not make the daemon take much memory.
func TestGreedyObjects(t *testing.T) {
	for name, test := range map[string]struct {
		section string
		spoil   func(header []byte)
		want    string
	}{
		"zeros":      {".bss", func(h []byte) { binary.LittleEndian.PutUint64(h[32:], 1<<60) }, "bytes of zeros"},
		"some zeros": {".bss", func(h []byte) { binary.LittleEndian.PutUint64(h[32:], maxZeros+1) }, "bytes of zeros"},
		"compressed": {".data", func(h []byte) { binary.LittleEndian.PutUint64(h[8:], uint64(elf.SHF_COMPRESSED)) }, ""},
		"beyond":     {".data", func(h []byte) { binary.LittleEndian.PutUint64(h[32:], 1<<60) }, ""},
	} {
		b := readObject(t, "variables")
		test.spoil(section(t, b, test.section))
		if _, err := parse(b); !errors.Is(err, unix.ENOEXEC) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOtherFiles(t *testing.T) {
	other := readObject(t, "task")
	binary.LittleEndian.PutUint16(other[0x12:], uint16(elf.EM_X86_64))
	for name, content := range map[string][]byte{
		"nothing": nil, "text": []byte("#!/bin/sh\n"), "zeros": make([]byte, 4096), "other machine": other, "magic": []byte("\x7fELF"),
	} {
		if _, err := parse(content); !errors.Is(err, unix.ENOEXEC) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"variables", "ipv6_route", "hostile"} {
		f.Add(readObject(f, name))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := parse(content); err != nil && !errors.Is(err, unix.ENOEXEC) && !errors.Is(err, unix.EINVAL) {
			t.Error(err)
		}
	})
}
