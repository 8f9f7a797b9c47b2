// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/task"
	"github.com/iterfs/iterfs/internal/measure"
	"github.com/iterfs/iterfs/tests/zoo"
)

// BenchmarkReaders sweeps the records of files of 1,000 processes for a reader in a pid
// namespace of his own, who sees two tasks of them or all, and for one without rights;
// each against one who sees everything by the kernel's own numbers. The CPU time is that
// of the program alone, as the kernel accounts it.
func BenchmarkReaders(b *testing.B) {
	p := newPrograms(b)
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		b.Skip(err)
	}
	defer stats.Close()
	as := func(kind string) (*zoo.Reader, *bpf.Identity) {
		r := zoo.NewReader(b, kind, b.TempDir())
		if r == nil {
			b.SkipNow()
		}
		identity, err := task.Identify(b.Context(), p, uint32(r.PID))
		if err != nil {
			b.Fatal(err)
		}
		return r, identity
	}
	inner, namespace := as("pid namespace")
	_, user := as("stranger")
	_, all := as("root")
	compare := func(who string, reader *bpf.Identity) {
		for _, program := range []string{"id_records", "stat_records", "process_rows"} {
			b.Run(who+"/"+strings.TrimSuffix(program, "_records"), func(b *testing.B) {
				paired(b, 0, []string{who, "all"}, p.swept(b, program, reader), p.swept(b, program, all))
			})
		}
	}
	herd := zoo.Herd(b, 1000)
	compare("few", namespace)
	compare("user", user)
	if err := unix.Kill(herd, unix.SIGKILL); err != nil {
		b.Fatal(err)
	}
	for range 1000 {
		if _, err := inner.Do("child", ""); err != nil {
			b.Fatal(err)
		}
	}
	compare("many", namespace)
}

// swept is a run that reads the records of a program as a reader.
func (p programs) swept(b *testing.B, program string, reader *bpf.Identity) measure.Run {
	params := bpf.Params{Reader: func(context.Context) (*bpf.Identity, error) { return reader, nil }}
	return func() (cost measure.Cost, err error) {
		before, start := programTime(b), time.Now()
		records, err := p.Run(&task.Target, program, params)
		if err != nil {
			return cost, err
		}
		defer records.Close()
		for err == nil {
			_, err = records.Next(b.Context())
		}
		if err == io.EOF {
			err = nil
		}
		return measure.Cost{Wall: time.Since(start), CPU: programTime(b) - before}, err
	}
}

// programTime is how long the programs of this process have run.
func programTime(b *testing.B) (sum time.Duration) {
	b.Helper()
	files, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range files {
		info, err := os.ReadFile(file)
		if err != nil {
			continue // closed by now
		}
		if _, rest, isProgram := strings.Cut(string(info), "\nrun_time_ns:\t"); isProgram {
			var ns time.Duration
			if _, err := fmt.Sscan(rest, &ns); err != nil {
				b.Fatal(err)
			}
			sum += ns
		}
	}
	return sum
}
