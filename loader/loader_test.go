// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"go.uber.org/goleak"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/task"
	"github.com/iterfs/iterfs/tests/need"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program makes a target for iter/task of one program, "p".
func program(insns ...asm.Instruction) *bpf.Target {
	return &bpf.Target{Name: "task", Since: "5.8", Object: func() (*ebpf.CollectionSpec, error) {
		return &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": {
			Name:         "p",
			Type:         ebpf.Tracing,
			AttachType:   ebpf.AttachTraceIter,
			AttachTo:     "task",
			Instructions: insns,
			License:      "Dual BSD/GPL",
		}}}, nil
	}}
}

// returning is a program that writes nothing and returns n.
func returning(n int32) *bpf.Target {
	return program(asm.Mov.Imm(asm.R0, n), asm.Return())
}

// root is a reader who sees everything.
func root(context.Context) (*bpf.Identity, error) {
	return &bpf.Identity{Capabilities: math.MaxUint64}, nil
}

// TestAskedWithoutAnswer runs a program that asks who reads, and is not told.
func TestAskedWithoutAnswer(t *testing.T) {
	if s, err := newLoader(t).Run(&task.Target, "id_records", bpf.Params{}); err == nil {
		s.Close()
		t.Error("it runs for nobody")
	}
}

func newLoader(t *testing.T) *Loader {
	t.Helper()
	need.Root(t)
	l := New()
	t.Cleanup(l.Close)
	return l
}

func TestLoadOnFirstUse(t *testing.T) {
	l := newLoader(t)
	target := &task.Target
	if l.Loaded(target) {
		t.Error("loaded before its first use")
	}
	s := mustRun(t, l, target, "id_records", bpf.Params{Reader: root})
	defer s.Close()
	if !l.Loaded(target) {
		t.Error("not loaded")
	}
	if n := len(l.programs.loaded); n != 1 {
		t.Errorf("%d programs are loaded of one that was used", n)
	}
}

// The largest target's programs are what the verifiers of old kernels take hardest.
func TestLoadAll(t *testing.T) {
	l := newLoader(t)
	l.mu.Lock()
	defer l.mu.Unlock()
	spec, err := l.spec(&task.Target)
	if err != nil {
		t.Fatal(err)
	}
	for name := range spec.Programs {
		start := time.Now()
		for _, free := range []bool{false, true} {
			if asks, err := l.asks(&task.Target, name); err != nil || free && !asks {
				continue
			}
			if _, err := l.program(&task.Target, name, nil, free); err != nil {
				t.Errorf("%s, free %v, after %v: %v", name, free, time.Since(start), err)
			}
		}
	}
}

func TestAbsentTarget(t *testing.T) {
	l := newLoader(t)
	absent := returning(0)
	absent.Name, absent.Since = "no_such_iterator", "99.1"
	err := l.Load(absent)
	if !errors.Is(err, ErrAbsent) || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("an absent target is %v, not an ErrAbsent", err)
	}
	if err != nil && !strings.Contains(err.Error(), "99.1") {
		t.Errorf("the reason does not name the release: %v", err)
	}
}

func TestRefusedProgramIsLoud(t *testing.T) {
	l := newLoader(t)
	err := l.Load(program(asm.LoadMem(asm.R0, asm.R2, 0, asm.DWord), asm.Return())) // R2 was never set
	var verifier *ebpf.VerifierError
	if !errors.As(err, &verifier) || errors.Is(err, ErrAbsent) {
		t.Fatalf("a refused program is %v", err)
	}
	if !strings.Contains(err.Error(), "R2 !read_ok") {
		t.Errorf("the error lacks the verifier's log: %v", err)
	}
}

func TestStaleObjectIsRefused(t *testing.T) {
	l := newLoader(t)
	stale := task.Target
	stale.Records = map[string]uintptr{"id_record": 8}
	if err := l.Load(&stale); err == nil || !strings.Contains(err.Error(), "go generate") {
		t.Errorf("a record of another size: %v", err)
	}
	stale.Records = map[string]uintptr{"no_such_record": 8}
	if err := l.Load(&stale); err == nil {
		t.Error("a record that the object does not have is not noticed")
	}
}

func TestUnknownProgram(t *testing.T) {
	l := newLoader(t)
	if s, err := l.Run(&task.Target, "no_such_program", bpf.Params{}); err == nil {
		s.Close()
		t.Error("opened")
	}
}

// openFDs counts this process's file descriptors.
func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
