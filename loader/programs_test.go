// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"context"
	"errors"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/iterfs/iterfs/bpf"
	bpfmapelem "github.com/iterfs/iterfs/bpf/bpf_map_elem"
	"github.com/iterfs/iterfs/tests/need"
)

// Few programs with constants of their own are kept: the one that was used longest
// ago goes, and what it is running goes on.
func TestVariantsAreBounded(t *testing.T) {
	need.Iterator(t, "bpf_map_elem")
	l := newLoader(t)
	if err := l.memlock(); err != nil {
		t.Fatal(err)
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 128, MaxEntries: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	variant := func(valueSize uint32) bpf.Params {
		return bpf.Params{Map: m, Consts: map[string]any{"key_size": uint32(4), "value_size": valueSize}}
	}
	run := func(valueSize uint32) *Stream {
		return mustRun(t, l, &bpfmapelem.Target, "element_records", variant(valueSize))
	}
	first := run(1)
	if _, err := first.Next(context.Background()); err != nil {
		t.Fatal(err)
	}
	oldest := l.programs.variants[0]
	for size := range uint32(maxVariants) {
		run(2 + size).Close()
	}
	if n := len(l.programs.variants); n != maxVariants || len(l.programs.loaded) != maxVariants {
		t.Errorf("%d variants, %d programs are loaded, not %d", n, len(l.programs.loaded), maxVariants)
	}
	if l.programs.loaded[oldest] != nil {
		t.Error("the first variant is still loaded")
	}
	// One batch was taken; the array has more of them than one.
	if n := drain(t, first); n == 0 || n%5 != 0 {
		t.Errorf("the run of a variant that went gives %d more bytes", n)
	}
	// What is used stays.
	run(2).Close()
	run(100).Close()
	if l.programs.loaded[programKey{&bpfmapelem.Target, "element_records", constsKey(variant(2).Consts), false}] == nil {
		t.Error("the variant that was used last but one is not loaded")
	}
}

func TestUnknownConstant(t *testing.T) {
	l := newLoader(t)
	_, err := l.Run(&bpfmapelem.Target, "element_records", bpf.Params{Consts: map[string]any{"no_such_constant": 1}})
	if err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("a constant that the object does not have: %v", err)
	}
}

// Of targets that were made on the fly few programs are kept, and nothing else.
func TestTransientTargets(t *testing.T) {
	l := newLoader(t)
	before := openFDs(t)
	newest := func() *bpf.Target {
		target := collecting()
		target.Transient = true
		return target
	}
	first := newest()
	long := mustRun(t, l, first, "p", bpf.Params{Collect: "data"})
	for range 2 * maxVariants {
		mustRun(t, l, newest(), "p", bpf.Params{}).Close()
	}
	if len(l.programs.loaded) != maxVariants || len(l.targets) != 0 || l.Loaded(first) {
		t.Errorf("%d programs of %d targets are kept", len(l.programs.loaded), len(l.targets))
	}
	// A run outlives its program, and so does what it collects.
	drain(t, long)
	var value uint64
	if err := long.Collected().Lookup(uint32(0), &value); err != nil || value != 7 {
		t.Errorf("collected %d, %v", value, err)
	}
	long.Close()
	l.Close()
	if after := openFDs(t); after > before {
		t.Errorf("%d file descriptors before, %d after", before, after)
	}
	if _, err := l.Run(newest(), "p", bpf.Params{Collect: "no such map"}); err == nil {
		t.Error("a map that the program does not have")
	}
}

// collecting is a program that stores a number in a map.
func collecting() *bpf.Target {
	target := program(
		asm.StoreImm(asm.RFP, -4, 0, asm.Word),
		asm.Mov.Imm(asm.R1, 7),
		asm.StoreMem(asm.RFP, -16, asm.R1, asm.DWord),
		asm.LoadMapPtr(asm.R1, 0).WithReference("data"),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, -16),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	)
	object := target.Object
	target.Object = func() (*ebpf.CollectionSpec, error) {
		spec, err := object()
		spec.Maps = map[string]*ebpf.MapSpec{"data": {Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}}
		return spec, err
	}
	return target
}
