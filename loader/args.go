// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// An argument is what one run tells its program beyond the kernel's parameters.
// All runs share the program and its map "args", in which each reading thread has
// the value of the run that it reads: a run belongs to no thread, a read does.
type argument struct {
	args  *ebpf.Map
	value []byte
}

func newArgument(c *ebpf.Collection, value []byte) (*argument, error) {
	args, err := mapOf(c, "args")
	if err != nil {
		return nil, err
	}
	if value == nil {
		value = make([]byte, args.ValueSize())
	}
	return &argument{args: args, value: value}, nil
}

// mapOf returns a map that a program has. It stays when the program is unloaded
// before the run ends.
func mapOf(c *ebpf.Collection, name string) (*ebpf.Map, error) {
	m := c.Maps[name]
	if m == nil {
		return nil, fmt.Errorf("the program has no map %s", name)
	}
	return m.Clone()
}

func (a *argument) close() {
	if a != nil {
		a.args.Close()
	}
}

// during calls f on a thread for which the program finds the value.
func (a *argument) during(f func() error) error {
	if a == nil {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := uint32(unix.Gettid())
	if err := a.args.Put(tid, a.value); err != nil {
		return fmt.Errorf("pass arguments to the program: %w", err)
	}
	defer a.args.Delete(tid)
	return f()
}
