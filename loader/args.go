// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"context"
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// An argument is what one run tells its program beyond the kernel's parameters.
// All runs share the program and its maps, in which each reading thread has the
// values of the run that it reads: a run belongs to no thread, a read does.
type argument struct {
	values *ebpf.Map
	value  []byte
}

type arguments []argument

// again replaces the reader by who reads now.
func (a arguments) again(ctx context.Context, reader bpf.Identify) error {
	identity, err := reader(ctx)
	if err == nil {
		a[len(a)-1].value = identity.Bytes()
	}
	return err
}

// newArguments are those of the maps that a program has: "args" for
// bpf.Params.Args, "readers" for who reads, which comes last.
func newArguments(c *ebpf.Collection, args []byte, reader *bpf.Identity) (a arguments, err error) {
	defer func() {
		if err != nil {
			a.close()
			a = nil
		}
	}()
	if args != nil || c.Maps["args"] != nil {
		if err = a.add(c, "args", args); err != nil {
			return a, err
		}
	}
	if reader != nil {
		err = a.add(c, "readers", reader.Bytes())
	}
	return a, err
}

func (a *arguments) add(c *ebpf.Collection, name string, value []byte) error {
	values, err := mapOf(c, name)
	if err != nil {
		return err
	}
	if value == nil {
		value = make([]byte, values.ValueSize())
	}
	*a = append(*a, argument{values, value})
	return nil
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

func (a arguments) close() {
	for _, arg := range a {
		arg.values.Close()
	}
}

// during calls f on a thread for which the program finds the values.
func (a arguments) during(f func() error) error {
	if len(a) == 0 {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := uint32(unix.Gettid())
	for _, arg := range a {
		if err := arg.values.Put(tid, arg.value); err != nil {
			return fmt.Errorf("pass arguments to the program: %w", err)
		}
		defer arg.values.Delete(tid)
	}
	return f()
}
