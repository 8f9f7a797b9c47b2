// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cilium/ebpf/btf"
)

// A Kernel is what queries are made for: the types of the running kernel, and
// the queries that were asked lately. It is safe for concurrent use.
type Kernel struct {
	types       *btf.Spec
	enumerators func() (map[string]*btf.Enum, error)
	offsets     func() ([]uint64, error)

	mu     sync.Mutex
	latest []*Query // the one that was used last is the last
}

// NewKernel returns the kernel that has these types.
func NewKernel(types *btf.Spec) *Kernel {
	return &Kernel{
		types:       types,
		enumerators: sync.OnceValues(findEnumerators),
		offsets:     sync.OnceValues(perCPUOffsets),
	}
}

// findEnumerators maps the name of each enumerator to its enum. It reads all of
// the kernel's types, and lets go of those that are no enums.
func findEnumerators() (map[string]*btf.Enum, error) {
	types, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, err
	}
	enums := map[string]*btf.Enum{}
	for t, err := range types.All() {
		if err != nil {
			return nil, err
		}
		if e, ok := t.(*btf.Enum); ok {
			for _, v := range e.Values {
				if enums[v.Name] == nil {
					enums[v.Name] = e
				}
			}
		}
	}
	return enums, nil
}

// enumerator finds the value of an enumerator of any enum, and the enum.
func (k *Kernel) enumerator(name string) (uint64, *btf.Enum, error) {
	enums, err := k.enumerators()
	if err != nil {
		return 0, nil, err
	}
	e := enums[name]
	if e == nil {
		return 0, nil, refuse("no enumerator %s in this kernel", name)
	}
	v, _ := valueOf(e, name)
	return v, e, nil
}

func valueOf(e *btf.Enum, name string) (uint64, bool) {
	for _, v := range e.Values {
		if v.Name == name {
			return v.Value, true
		}
	}
	return 0, false
}

// maxQueries is how many queries are kept.
const maxQueries = 64

// Compile makes the query of a text, or returns the same one if it has made it
// lately. One that cannot be is a Refusal. It loads nothing into the kernel.
func (k *Kernel) Compile(t Text) (*Query, error) {
	if t.Fields == "" {
		return nil, refuse("no field is asked for")
	}
	q, err := k.resolve(t)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if i := slices.IndexFunc(k.latest, q.same); i >= 0 {
		q = k.latest[i]
		k.latest = slices.Delete(k.latest, i, i+1)
	} else if err := q.finish(); err != nil {
		return nil, err
	}
	if len(k.latest) == maxQueries {
		k.latest = slices.Delete(k.latest, 0, 1)
	}
	k.latest = append(k.latest, q)
	return q, nil
}

// target finds a target by name, and what its programs are given.
func (k *Kernel) target(name string) (*Target, *bpfContext, error) {
	i := slices.IndexFunc(Targets, func(t Target) bool { return t.Name == name })
	if i < 0 {
		var names []string
		for _, t := range Targets {
			names = append(names, t.Name)
		}
		return nil, nil, refuse("no iterator target %s whose objects have fields%s", name, didYouMean(nearest(name, names, 2)))
	}
	ctx, err := contextOf(k.types, name)
	if errors.Is(err, btf.ErrNotFound) {
		return nil, nil, refuse("this kernel has no iterator target %s", name)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("look for iter/%s in the kernel's BTF: %w", name, err)
	}
	return &Targets[i], ctx, nil
}
