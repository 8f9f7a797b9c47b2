// SPDX-License-Identifier: Apache-2.0

// Package loader brings iterator targets into the kernel and reads them: it
// loads a program once, on first use, attaches it with the kernel's parameters at
// each open, and streams whole records.
package loader

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// ErrAbsent says that this kernel lacks a target. It is errors.ErrUnsupported.
var ErrAbsent = fmt.Errorf("iterator absent: %w", errors.ErrUnsupported)

// A Loader holds the programs that were used. It is safe for concurrent use.
type Loader struct {
	btf *btf.Cache

	mu       sync.Mutex
	targets  map[*bpf.Target]*ebpf.CollectionSpec
	programs programs
	asking   map[programKey]bool // whether a program asks who reads

	memlock    func() error
	taskByTID  func() (bool, error)
	sharedOnce func() (bool, error)
	maySleep   func() (bool, error)
}

// New returns a Loader that has loaded nothing yet.
func New() *Loader {
	l := &Loader{btf: btf.NewCache(), targets: map[*bpf.Target]*ebpf.CollectionSpec{}, asking: map[programKey]bool{}}
	// Kernels before 5.11 account BPF memory against RLIMIT_MEMLOCK.
	l.memlock = sync.OnceValue(rlimit.RemoveMemlock)
	l.taskByTID = sync.OnceValues(l.probeTaskByTID)
	l.sharedOnce = sync.OnceValues(l.probeSharedOnce)
	l.maySleep = sync.OnceValues(l.probeMaySleep)
	return l
}

// Load loads all programs of a target that are not yet. It returns an ErrAbsent
// with the reason where the kernel lacks the target, and any other failure as it is.
func (l *Loader) Load(t *bpf.Target) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	spec, err := l.spec(t)
	if err != nil {
		return err
	}
	for name := range spec.Programs {
		if _, err := l.program(t, name, nil, false); err != nil {
			return err
		}
	}
	return nil
}

// Loaded reports whether a program of a target is in the kernel.
func (l *Loader) Loaded(t *bpf.Target) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.programs.has(t)
}

// Close unloads all programs. Streams that are open go on.
func (l *Loader) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.programs.clear()
}

// program returns a loaded program, as the only one of a collection of its own
// with the maps that it uses. A free one is for readers from whom nothing is hidden.
// l.mu is held.
func (l *Loader) program(t *bpf.Target, name string, consts map[string]any, free bool) (*ebpf.Collection, error) {
	key := programKey{t, name, constsKey(consts), free}
	if c := l.programs.get(key); c != nil {
		return c, nil
	}
	spec, err := l.spec(t)
	if err != nil {
		return nil, err
	}
	if spec.Programs[name] == nil {
		return nil, fmt.Errorf("target %s has no program %s", t.Name, name)
	}
	c, err := l.load(spec, name, consts, free)
	if errors.Is(err, unix.EPERM) && refused(t.Name) && !refused("task") {
		err = fmt.Errorf("%w: this kernel refuses every program of iter/%s, even one that does nothing: %w", ErrAbsent, t.Name, unix.EPERM)
	}
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", t.Name, err)
	}
	l.programs.add(key, c)
	return c, nil
}

// spec reads the object of a target that the kernel has. l.mu is held.
func (l *Loader) spec(t *bpf.Target) (*ebpf.CollectionSpec, error) {
	if spec := l.targets[t]; spec != nil {
		return spec, nil
	}
	err := l.Present(t)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", t.Name, err)
	}
	spec, err := t.Object()
	if err == nil {
		err = checkRecords(spec.Types, t.Records)
	}
	if err != nil {
		return nil, fmt.Errorf("target %s: read the compiled programs: %w", t.Name, err)
	}
	if !t.Transient {
		l.targets[t] = spec
	}
	return spec, nil
}

func (l *Loader) load(spec *ebpf.CollectionSpec, name string, consts map[string]any, free bool) (*ebpf.Collection, error) {
	spec = spec.Copy()
	spec.Programs = map[string]*ebpf.ProgramSpec{name: spec.Programs[name]}
	keepMaps(spec, name)
	if ok, err := l.maySleep(); err != nil {
		return nil, err
	} else if !ok {
		spec.Programs[name].Flags &^= unix.BPF_F_SLEEPABLE
	}
	if free {
		if err := spec.Variables["restricted"].Set(uint32(0)); err != nil {
			return nil, err
		}
	}
	for constant, value := range consts {
		v := spec.Variables[constant]
		if v == nil {
			return nil, fmt.Errorf("the object has no constant %s", constant)
		}
		if err := v.Set(value); err != nil {
			return nil, fmt.Errorf("set the constant %s: %w", constant, err)
		}
	}
	c, err := l.NewCollection(spec, ebpf.CollectionOptions{})
	var verifier *ebpf.VerifierError
	switch {
	case errors.As(err, &verifier):
		// %+v is the verifier's whole log.
		return nil, fmt.Errorf("the kernel's verifier refused %s: %w\n%+v", name, err, verifier)
	case err != nil:
		return nil, fmt.Errorf("load %s: %w", name, err)
	}
	return c, nil
}

// NewCollection loads a collection with the kernel's BTF that the loader has read.
// Whoever asks for it closes it.
func (l *Loader) NewCollection(spec *ebpf.CollectionSpec, o ebpf.CollectionOptions) (*ebpf.Collection, error) {
	if err := l.memlock(); err != nil {
		return nil, fmt.Errorf("raise the limit on locked memory: %w", err)
	}
	o.Cache = l.btf
	return ebpf.NewCollectionWithOptions(spec, o)
}

// keepMaps leaves of an object's maps, and of the variables in them, those that a
// program refers to.
func keepMaps(spec *ebpf.CollectionSpec, name string) {
	used := map[string]bool{}
	for _, ins := range spec.Programs[name].Instructions {
		used[ins.Reference()] = true
	}
	for m := range spec.Maps {
		if !used[m] {
			delete(spec.Maps, m)
		}
	}
	for name, v := range spec.Variables {
		if !used[v.SectionName] {
			delete(spec.Variables, name)
		}
	}
}

// checkRecords compares the sizes of Go's record types with those that the
// object was compiled with: a stale object is refused, not misread.
func checkRecords(types *btf.Spec, records map[string]uintptr) error {
	for name, size := range records {
		var s *btf.Struct
		if err := types.TypeByName(name, &s); err != nil {
			return fmt.Errorf("the object has no record type %s: %w", name, err)
		}
		if uintptr(s.Size) != size {
			return fmt.Errorf("record %s has %d bytes in the object and %d in Go: run go generate", name, s.Size, size)
		}
	}
	return nil
}
