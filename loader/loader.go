// SPDX-License-Identifier: Apache-2.0

// Package loader brings iterator targets into the kernel and reads them: it
// loads a target's programs once, on first use, attaches them with the kernel's
// parameters at each open, and streams whole records.
package loader

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/iterfs/iterfs/bpf"
)

// ErrAbsent says that this kernel lacks a target. It is errors.ErrUnsupported.
var ErrAbsent = fmt.Errorf("iterator absent: %w", errors.ErrUnsupported)

// A Loader holds the programs of the targets that were used. It is safe for
// concurrent use.
type Loader struct {
	btf *btf.Cache

	mu     sync.Mutex
	loaded map[*bpf.Target]*ebpf.Collection

	memlock   func() error
	taskByTID func() (bool, error)
}

// New returns a Loader that has loaded nothing yet.
func New() *Loader {
	l := &Loader{btf: btf.NewCache(), loaded: map[*bpf.Target]*ebpf.Collection{}}
	// Kernels before 5.11 account BPF memory against RLIMIT_MEMLOCK.
	l.memlock = sync.OnceValue(rlimit.RemoveMemlock)
	l.taskByTID = sync.OnceValues(l.probeTaskByTID)
	return l
}

// Load loads a target's programs unless they are. It returns an ErrAbsent with
// the reason where the kernel lacks the target, and any other failure as it is.
func (l *Loader) Load(t *bpf.Target) error {
	_, err := l.collection(t)
	return err
}

// Loaded reports whether the programs of a target are in the kernel.
func (l *Loader) Loaded(t *bpf.Target) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loaded[t] != nil
}

// Close unloads all programs. Streams that are open go on.
func (l *Loader) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for t, c := range l.loaded {
		c.Close()
		delete(l.loaded, t)
	}
}

func (l *Loader) collection(t *bpf.Target) (*ebpf.Collection, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.loaded[t]; c != nil {
		return c, nil
	}
	c, err := l.load(t)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", t.Name, err)
	}
	l.loaded[t] = c
	return c, nil
}

func (l *Loader) load(t *bpf.Target) (*ebpf.Collection, error) {
	if err := l.Present(t); err != nil {
		return nil, err
	}
	if err := l.memlock(); err != nil {
		return nil, fmt.Errorf("raise the limit on locked memory: %w", err)
	}
	spec, err := t.Object()
	if err != nil {
		return nil, fmt.Errorf("read the compiled programs: %w", err)
	}
	if err := checkRecords(spec.Types, t.Records); err != nil {
		return nil, err
	}
	c, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: l.btf})
	var verifier *ebpf.VerifierError
	switch {
	case errors.As(err, &verifier):
		// %+v is the verifier's whole log.
		return nil, fmt.Errorf("the kernel's verifier refused a program: %w\n%+v", err, verifier)
	case err != nil:
		return nil, fmt.Errorf("load programs: %w", err)
	}
	return c, nil
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
