// SPDX-License-Identifier: Apache-2.0

package query

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"os"
	"slices"
	"strconv"
	"sync"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/iterfs/iterfs/native"
)

// symbols are the kernel's functions by address, as /proc/kallsyms lists them.
// They are read again when modules have come or gone.
type symbols struct {
	mu      sync.Mutex
	modules []byte
	table   []symbol
}

type symbol struct {
	address uint64
	name    string
}

// kallsyms are those of the running kernel.
var kallsyms symbols

// load returns the functions in the order of their addresses. There are none
// where this process may not see addresses.
func (s *symbols) load() ([]symbol, error) {
	modules, err := native.ReadFile("modules")
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.table != nil && bytes.Equal(modules, s.modules) {
		return s.table, nil
	}
	f, err := native.Open("kallsyms")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var table []symbol
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// "ffffffff81000000 T _stext", and "\t[module]" behind
		fields := bytes.Fields(lines.Bytes())
		if len(fields) < 3 || fields[1][0]|0x20 != 't' && fields[1][0]|0x20 != 'w' {
			continue
		}
		address, err := strconv.ParseUint(string(fields[0]), 16, 64)
		if err == nil && address != 0 {
			table = append(table, symbol{address, string(fields[2])})
		}
	}
	slices.SortStableFunc(table, func(a, b symbol) int { return cmp.Compare(a.address, b.address) })
	s.table, s.modules = table, modules
	return table, nil
}

// find is the function that an address lies in; of several names the first, as
// the kernel has it.
func find(table []symbol, address uint64) (symbol, bool) {
	byAddress := func(s symbol, a uint64) int { return cmp.Compare(s.address, a) }
	i, exact := slices.BinarySearchFunc(table, address, byAddress)
	if !exact {
		if i == 0 {
			return symbol{}, false
		}
		i, _ = slices.BinarySearchFunc(table, table[i-1].address, byAddress)
	}
	return table[i], i < len(table)
}

// functions shows addresses by the functions that they lie in. What it shows
// depends on what is loaded, so that it has no append function of its own.
var functions = &format{width: 24}

// address is the type of what is shown so.
var address = &btf.Int{Name: "unsigned long", Size: 8}

// appendFunction appends the name of the function that an address lies in.
func appendFunction(dst []byte, table []symbol, address uint64) []byte {
	s, ok := find(table, address)
	if !ok {
		return append(dst, "hidden"...)
	}
	return append(dst, s.name...)
}

// mergeFunctions makes one group of those that differ only in where in a function
// an address lies.
func (q *Query) mergeFunctions(rows [][]byte, table []symbol) [][]byte {
	columns := slices.DeleteFunc(q.layout.columns(), func(c column) bool { return c.format != functions })
	if len(columns) == 0 {
		return rows
	}
	for _, r := range rows {
		for _, c := range columns {
			s, _ := find(table, c.number(r))
			binary.LittleEndian.PutUint64(r[c.at:], s.address)
		}
	}
	slices.SortFunc(rows, bytes.Compare)
	merged := rows[:0]
	for _, r := range rows {
		if n := len(merged); n > 0 && bytes.Equal(merged[n-1][:q.layout.size], r[:q.layout.size]) {
			for i := q.layout.size; i < len(r); i += 8 {
				sum := binary.LittleEndian.Uint64(merged[n-1][i:]) + binary.LittleEndian.Uint64(r[i:])
				binary.LittleEndian.PutUint64(merged[n-1][i:], sum)
			}
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// wchan is where a task of the context sleeps: the function that called the
// scheduler, get_wchan() of kernel/sched/core.c.
func (r *resolver) wchan(at *place) error {
	if len(at.hops) > 0 {
		return refuse("only the task that is visited has a :wchan, and %s is another", at.said)
	}
	state := *at
	if err := state.member("__state"); err != nil {
		if err := state.member("state"); err != nil { // before 5.14
			return err
		}
	}
	at.sleeps = &state.access
	at.typ, at.format = address, functions
	return nil
}

// wchan reads the address that a task's stack begins with, unless it is running.
// The kernel leaves out the scheduler's own functions.
func (p *program) wchan(f *field, at int) {
	running, done := p.newLabel(), p.newLabel()
	p.address(f.sleeps)
	p.add(store(wordAt, 0))
	p.probe(wordAt, 4)
	p.add(asm.LoadMem(asm.R1, asm.RFP, wordAt, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, running),
		asm.Mov.Reg(asm.R1, p.regs[f.base]))
	p.pointTo(asm.R2, at)
	p.add(asm.Mov.Imm(asm.R3, 8), asm.Mov.Imm(asm.R4, 0), asm.FnGetTaskStack.Call(),
		asm.Add.Imm(asm.R0, -1), // it returns how many bytes it has found
		asm.Ja.Label(done))
	p.here(running)
	p.add(asm.Mov.Imm(asm.R0, -1))
	p.here(done)
}
