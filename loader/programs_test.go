// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"context"
	"errors"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/iterfs/iterfs/bpf"
	bpfmapelem "github.com/iterfs/iterfs/bpf/bpf_map_elem"
)

// Few programs with constants of their own are kept: the one that was used longest
// ago goes, and what it is running goes on.
func TestVariantsAreBounded(t *testing.T) {
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
	if l.programs.loaded[programKey{&bpfmapelem.Target, "element_records", constsKey(variant(2).Consts)}] == nil {
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
