// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// Call runs a program of type SEC("syscall"), which reads and writes ctx.
func (l *Loader) Call(t *bpf.Target, program string, ctx []byte) error {
	l.mu.Lock()
	c, err := l.program(t, program, nil, false)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	attr := struct {
		progFD, _         uint32
		_                 [2]uint32
		_                 [2]uint64
		_                 [2]uint32
		ctxSizeIn, _      uint32
		ctxIn             unsafe.Pointer
		_                 uint64
		flags, cpu, batch uint32
		_                 uint32
	}{progFD: uint32(c.Programs[program].FD()), ctxSizeIn: uint32(len(ctx)), ctxIn: unsafe.Pointer(unsafe.SliceData(ctx))}
	if _, err := bpf.Call(unix.BPF_PROG_TEST_RUN, unsafe.Pointer(&attr), unsafe.Sizeof(attr)); err != nil {
		return fmt.Errorf("call %s: %w", program, err)
	}
	return nil
}
