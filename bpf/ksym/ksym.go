// SPDX-License-Identifier: Apache-2.0

// Package ksym is iter/ksym: the symbols of the kernel, its modules, and the BPF
// programs in it.
package ksym

import (
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// Target has kernel/ksyms.
var Target = bpf.Target{
	Name:    "ksym",
	Since:   "6.0",
	Object:  loadKsym,
	Records: map[string]uintptr{"symbol_record": unsafe.Sizeof(record{})},
	Files: []bpf.File{{
		Path: "kernel/ksyms", Doc: "as /proc/kallsyms; addresses are shown to those who see them there", Program: "symbol_records", Open: open,
	}},
}

type record = ksymSymbolRecord

// A symbol is a record and the names behind it.
type symbol struct {
	rec          *record
	name, module []byte
}

var source = bpf.Source[symbol]{
	Decode: decode,
	Key:    func(symbol) bpf.Key { return bpf.Key{} }, // no file asks for a single one
}

func decode(batch []byte) (s symbol, n int, err error) {
	var names []byte
	s.rec, names, n, err = bpf.Tailed(batch, func(r *record) (whole, tail int) {
		return int(r.Size), max(int(r.Size)-int(unsafe.Sizeof(*r)), int(r.Module))
	})
	if err != nil {
		return s, 0, err
	}
	at := len(names) - int(s.rec.Module)
	s.name, s.module = bpf.CString(names[:at]), bpf.CString(names[at:])
	return s, n, nil
}

// open decides once, as the kernel does, whether the reader sees addresses.
func open(r bpf.Request, _ bpf.Form) (bpf.Content, error) {
	shown, err := r.Reader.SeesAddresses()
	if err != nil {
		return nil, err
	}
	mask := uint64(0)
	if shown {
		mask--
	}
	return r.Render(r.File.Program, source.Lines(func(dst []byte, s symbol) []byte {
		return appendSymbol(dst, s, s.rec.Value&mask)
	}))
}

// appendSymbol follows s_show() of kernel/kallsyms.c.
func appendSymbol(dst []byte, s symbol, value uint64) []byte {
	dst = bpf.AppendHex(dst, value, 16)
	letter := s.rec.Type
	if len(s.module) > 0 {
		// Upper case where the module exports it.
		letter |= 0x20
		if s.rec.Exported != 0 {
			letter &^= 0x20
		}
	}
	dst = append(dst, ' ', letter, ' ')
	dst = append(dst, s.name...)
	if len(s.module) > 0 {
		dst = append(dst, "\t["...)
		dst = append(dst, s.module...)
		dst = append(dst, ']')
	}
	return append(dst, '\n')
}
