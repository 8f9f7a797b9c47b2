// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/objects"
)

// What is no object fails the copy with an errno, and nothing of it stays.
func TestBadObjects(t *testing.T) {
	m := newMount(t)
	m.mustPut(t, "bpf_map")
	whole := objects.Read(t, "bpf_map")
	garbage := make([]byte, 100_000)
	for i := range garbage {
		garbage[i] = byte(rand.Uint32())
	}
	for _, test := range []struct {
		what, file string
		content    []byte
		want       unix.Errno
	}{
		{"nothing", "x.o", nil, unix.ENOEXEC},
		{"text", "x.o", []byte("#!/bin/sh\n"), unix.ENOEXEC},
		{"garbage", "x.o", garbage, unix.ENOEXEC},
		{"garbage with magic", "x.o", append([]byte("\x7fELF\x02\x01\x01"), garbage...), unix.ENOEXEC},
		{"a truncated file", "x.o", whole[:len(whole)-100], unix.ENOEXEC},
		{"no iterator", "x.o", objects.Read(t, "no_iterator"), unix.ENOEXEC},
		{"an absent target", "x.o", objects.Read(t, "absent"), unix.EOPNOTSUPP},
		{"a refused program", "x.o", objects.Read(t, "refused"), unix.EACCES},
		{"another's name", "bpf_map.o", whole, unix.EEXIST},
		{"the name of a file", "errors.o", whole, unix.EEXIST},
		{"no suffix", "x", whole, unix.EINVAL},
		{"a control character", "x\n.o", whole, unix.EINVAL},
		{"a hidden name", ".x.o", whole, unix.EINVAL},
		{"dots", "...o", whole, unix.EINVAL},
		{"a long name", strings.Repeat("x", 254) + ".o", whole, unix.ENAMETOOLONG},
		{"in place of a good one", "bpf_map.bpf.o", whole[:1000], unix.ENOEXEC},
	} {
		if err := os.WriteFile(m.path("iters/"+test.file), test.content, 0o600); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.what, err, test.want)
		}
		if names := list(t, m.path("iters")); !slices.Equal(names, []string{"bpf_map", "bpf_map.bpf.o", "errors", "pinned"}) {
			t.Fatalf("%s: iters has %q", test.what, names)
		}
	}
	m.read(t, "iters/bpf_map/dump_bpf_map")
	failures := m.read(t, "iters/errors")
	for _, want := range []string{"==> x.o: ENOEXEC ", "==> x.o: EACCES ", "invalid mem access", "==> bpf_map.bpf.o: ENOEXEC "} {
		if !strings.Contains(failures, want) {
			t.Errorf("no %q in iters/errors:\n%s", want, failures)
		}
	}
	if isLoaded(t, "fine") {
		t.Error("a program of a refused object is in the kernel")
	}
}

func TestHugeFiles(t *testing.T) {
	m := newMount(t)
	before := m.rss(t)
	var writers sync.WaitGroup
	for range 2 {
		writers.Go(func() {
			f, err := os.Create(m.path("iters/huge.o"))
			if err != nil {
				t.Error(err)
				return
			}
			piece, n := bytes.Repeat([]byte("garbage\n"), 1<<17), 0
			for ; err == nil && n < 64; n++ {
				_, err = f.Write(piece)
			}
			if !errors.Is(err, unix.EFBIG) || n != 17 {
				t.Errorf("after %d MiB: %v", n, err)
			}
			if err := f.Close(); !errors.Is(err, unix.EFBIG) {
				t.Errorf("close: %v", err)
			}
		})
	}
	writers.Wait()
	if grown := m.rss(t) - before; grown > 160<<10 {
		t.Errorf("the daemon has grown by %d KB", grown)
	}
	if f, err := os.Create(m.path("iters/far.o")); err != nil {
		t.Error(err)
	} else if _, err := f.WriteAt([]byte("x"), 1<<40); !errors.Is(err, unix.EFBIG) {
		t.Errorf("a write far away: %v", err)
	} else {
		f.Close()
	}
}
