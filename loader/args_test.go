// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// While a run reads, its thread has the value in the map, and no longer.
func TestArguments(t *testing.T) {
	need.Root(t)
	args, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer args.Close()
	c := &ebpf.Collection{Maps: map[string]*ebpf.Map{"args": args}}
	for _, value := range [][]byte{nil, []byte("argument")} {
		a, err := newArguments(c, value, nil)
		if err != nil {
			t.Fatal(err)
		}
		var tid uint32
		err = a.during(func() error {
			tid = uint32(unix.Gettid())
			want := value
			if want == nil {
				want = make([]byte, 8) // a run without arguments has zeros
			}
			if got, err := args.LookupBytes(tid); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the thread has %q, %v, want %q", got, err, want)
			}
			return io.EOF
		})
		if err != io.EOF {
			t.Errorf("a read that ended with EOF: %v", err)
		}
		var left []byte
		if err := args.Lookup(tid, &left); !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Errorf("it is left behind: %q, %v", left, err)
		}
		a.close()
	}
	if _, err := newArguments(&ebpf.Collection{}, []byte("argument"), nil); err == nil {
		t.Error("a program without the map takes arguments")
	}
}
