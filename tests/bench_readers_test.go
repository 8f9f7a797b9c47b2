// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"context"
	"io"
	"math"
	"testing"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/task"
	"github.com/iterfs/iterfs/tests/zoo"
)

// BenchmarkReaders sweeps the records of tasks/stat for a reader in a pid namespace of
// its own, for one without rights, and for one who sees everything.
func BenchmarkReaders(b *testing.B) {
	p := newPrograms(b)
	zoo.Herd(b, 2000)
	sweep := func(reader bpf.Identity) func() {
		params := bpf.Params{Reader: func(context.Context) (*bpf.Identity, error) { return &reader, nil }}
		return func() {
			records, err := p.Run(&task.Target, "stat_records", params)
			if err != nil {
				b.Fatal(err)
			}
			defer records.Close()
			for err == nil {
				_, err = records.Next(b.Context())
			}
			if err != io.EOF {
				b.Fatal(err)
			}
		}
	}
	rounds(b, nil, []string{"namespace", "all"}, sweep(bpf.Identity{PIDNS: 1, PIDLevel: 1, Capabilities: math.MaxUint64}), sweep(bpf.Identity{Capabilities: math.MaxUint64}))
	rounds(b, nil, []string{"user", "all"}, sweep(bpf.Identity{FSUID: 1, FSGID: 1, UserNS: 1}), sweep(bpf.Identity{Capabilities: math.MaxUint64}))
}
