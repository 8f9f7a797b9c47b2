// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/task"
)

func mustRun(t *testing.T, l *Loader, target *bpf.Target, program string, p bpf.Params) *Stream {
	t.Helper()
	s, err := l.Run(target, program, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// writing is a program that writes size bytes of a map for each task.
func writing(size int32) *bpf.Target {
	target := program(
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, 0).WithReference("data"),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.Mov.Reg(asm.R2, asm.R0),
		asm.LoadMem(asm.R1, asm.R6, 0, asm.DWord), // ctx->meta
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), // meta->seq
		asm.Mov.Imm(asm.R3, size),
		asm.FnSeqWrite.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	)
	object := target.Object
	target.Object = func() (*ebpf.CollectionSpec, error) {
		spec, err := object()
		spec.Maps = map[string]*ebpf.MapSpec{"data": {Type: ebpf.Array, KeySize: 4, ValueSize: uint32(size), MaxEntries: 1}}
		return spec, err
	}
	return target
}

// drain reads a stream to its end and returns how many bytes it gave.
func drain(t *testing.T, s *Stream) (total int) {
	t.Helper()
	for {
		b, err := s.Next(context.Background())
		total += len(b)
		if err == io.EOF {
			return total
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestStreamGivesWholeRecords(t *testing.T) {
	l := newLoader(t)
	// A third of the kernel's buffer: what does not fit is run again, and with a
	// hundred tasks the stream reads ahead.
	const size = 10_000
	s := mustRun(t, l, writing(size), "p", bpf.Params{})
	batches := 0
	for {
		b, err := s.Next(context.Background())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(b)%size != 0 {
			t.Fatalf("%d bytes are not whole records", len(b))
		}
		batches++
	}
	if batches < 2 {
		t.Errorf("%d batches", batches)
	}
	if _, err := s.Next(context.Background()); err != io.EOF {
		t.Errorf("behind the end: %v", err)
	}
}

func TestEmptyStream(t *testing.T) {
	l := newLoader(t)
	if n := drain(t, mustRun(t, l, returning(0), "p", bpf.Params{})); n != 0 {
		t.Errorf("%d bytes of a program that writes none", n)
	}
}

func TestOversizedRecordIsE2BIG(t *testing.T) {
	l := newLoader(t)
	s := mustRun(t, l, writing(int32(batchSize)+8), "p", bpf.Params{})
	_, err := s.Next(context.Background())
	if !errors.Is(err, unix.E2BIG) || !strings.Contains(err.Error(), "task/p") {
		t.Errorf("a record larger than the kernel's buffer: %v", err)
	}
	if _, again := s.Next(context.Background()); !errors.Is(again, unix.E2BIG) {
		t.Errorf("asked again: %v", again)
	}
}

// A program that returns 1 is run on the same object again, each read ending in
// EAGAIN: for a while, so that it may change its mind, and not for ever.
func TestReturnOneForEver(t *testing.T) {
	l := newLoader(t)
	s := mustRun(t, l, returning(1), "p", bpf.Params{})
	if b, err := s.Next(context.Background()); !errors.Is(err, unix.EDEADLK) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestCancelBetweenReads(t *testing.T) {
	l := newLoader(t)
	s := mustRun(t, l, returning(1), "p", bpf.Params{})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestCancelledReadGoesOn(t *testing.T) {
	l := newLoader(t)
	const size = 10_000
	whole := drain(t, mustRun(t, l, writing(size), "p", bpf.Params{}))
	s := mustRun(t, l, writing(size), "p", bpf.Params{})
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	total := 0
	for {
		if _, err := s.Next(cancelled); !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled: %v", err)
		}
		b, err := s.Next(context.Background())
		total += len(b)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := total - whole; diff%size != 0 || diff < -20*size || diff > 20*size {
		t.Errorf("%d bytes with cancellations, %d without", total, whole)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	l := newLoader(t)
	target := writing(10_000)
	if err := l.Load(target); err != nil {
		t.Fatal(err)
	}
	before := openFDs(t)
	for i := range 1000 {
		s, err := l.Run(target, "p", bpf.Params{})
		if err != nil {
			t.Fatal(err)
		}
		for range i % 4 { // unread, begun, reading ahead
			if _, err := s.Next(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d file descriptors before, %d after 1000 streams", before, after)
	}
}

func TestStreamOutlivesLoader(t *testing.T) {
	l := newLoader(t)
	s := mustRun(t, l, writing(10_000), "p", bpf.Params{})
	l.Close()
	if drain(t, s) == 0 {
		t.Error("a stream that is open ends with the loader")
	}
}

func TestParamTID(t *testing.T) {
	l := newLoader(t)
	narrowed, err := l.taskByTID()
	if err != nil {
		t.Fatal(err)
	}
	all := drain(t, mustRun(t, l, &task.Target, "id_records", bpf.Params{Reader: root}))
	one := drain(t, mustRun(t, l, &task.Target, "id_records", bpf.Params{TID: uint32(os.Getpid()), Reader: root}))
	if size := int(task.Target.Records["id_record"]); narrowed && one != size || !narrowed && one < size {
		t.Errorf("%d bytes for one task, %d for all; a record has %d", one, all, size)
	}
}

func TestParams(t *testing.T) {
	for _, test := range []struct {
		name string
		p    bpf.Params
		want []uint32
	}{
		{"nothing", bpf.Params{}, nil},
		{"tid", bpf.Params{TID: 7}, []uint32{7, 0, 0, 0}},
		{"pid", bpf.Params{PID: 7}, []uint32{0, 7, 0, 0}},
		{"cgroup", bpf.Params{Order: bpf.Descendants, CgroupID: 1<<32 | 5}, []uint32{2, 0, 5, 1}},
		{"map", bpf.Params{Map: fakeMap(9)}, []uint32{9}},
	} {
		got, err := linkInfo(&test.p)
		if err != nil || len(got) != len(test.want) {
			t.Errorf("%s: %v, %v", test.name, got, err)
			continue
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%s: %v, want %v", test.name, got, test.want)
			}
		}
	}
	if _, err := linkInfo(&bpf.Params{CgroupID: 1}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a cgroup without an order: %v", err)
	}
}

type fakeMap int

func (m fakeMap) FD() int { return int(m) }

// However many files are held open half read, few of them read ahead, and all give
// all that there is.
func TestReadAheadIsBounded(t *testing.T) {
	l := newLoader(t)
	target := writing(10_000)
	var streams []*Stream
	for range maxAhead + 8 {
		s, err := l.Run(target, "p", bpf.Params{})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second is the first that is read ahead
			if _, err := s.Next(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		streams = append(streams, s)
	}
	if n := aheads.Load(); n != maxAhead {
		t.Errorf("%d of %d streams read ahead", n, len(streams))
	}
	if ahead, onTheSpot := drain(t, streams[0]), drain(t, streams[maxAhead]); ahead == 0 || onTheSpot == 0 {
		t.Errorf("the rest is %d bytes read ahead, %d bytes read on the spot", ahead, onTheSpot)
	}
	for _, s := range streams {
		s.Close()
	}
	if n := aheads.Load(); n != 0 {
		t.Errorf("%d closed streams read ahead", n)
	}
}
