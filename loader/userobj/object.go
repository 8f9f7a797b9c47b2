// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/loader"
)

// An Object is what one file holds, loaded.
type Object struct {
	// File and Name are the names, in a store, of the file and of the object in it.
	File, Name string
	// Content is the file's.
	Content []byte
	// Programs are the iterator programs by their names' order.
	Programs []Program
	// Birth tells it from others that had its name, Loaded when it came.
	Birth  uint64
	Loaded time.Time

	spec   *ebpf.CollectionSpec
	ksyms  ksyms
	loader *loader.Loader

	// unloading is held against those who use what is loaded.
	unloading sync.RWMutex
	loaded    *ebpf.Collection // nil when unloaded
}

// A Program is an iterator program and the kernel's name for what it iterates over.
type Program struct{ Name, Target string }

// reserved is no name for a program: the directory of variables has it.
const reserved = "vars"

// Load loads an object that is in no store; Close unloads it.
func Load(l *loader.Loader, content []byte) (*Object, error) {
	o, err := parse(content)
	if err != nil {
		return nil, err
	}
	return o, o.load(l)
}

// parse reads an object and loads nothing.
func parse(content []byte) (*Object, error) {
	spec, typed, err := readELF(content)
	if err != nil {
		return nil, err
	}
	o := &Object{Content: content, spec: spec, ksyms: typed}
	for name, p := range spec.Programs {
		if p.Type == ebpf.Tracing && p.AttachType == ebpf.AttachTraceIter {
			o.Programs = append(o.Programs, Program{name, p.AttachTo})
		}
	}
	slices.SortFunc(o.Programs, func(a, b Program) int { return cmp.Compare(a.Name, b.Name) })
	if len(o.Programs) == 0 {
		return nil, fmt.Errorf(`no program of a section "iter/...": %w`, unix.ENOEXEC)
	}
	if o.Program(reserved) != nil {
		return nil, fmt.Errorf("a program cannot be named %s: %w", reserved, unix.EINVAL)
	}
	return o, nil
}

// Program returns the program of that name, or nil.
func (o *Object) Program(name string) *Program {
	i := slices.IndexFunc(o.Programs, func(p Program) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &o.Programs[i]
}

// pinPath is where libbpf pins maps that ask for it by name.
const pinPath = "/sys/fs/bpf"

func (o *Object) load(l *loader.Loader) error {
	options := ebpf.CollectionOptions{Maps: ebpf.MapOptions{PinPath: pinPath}}
	options.Programs.LogDisabled = true
	spec := o.spec.Copy()
	spec.Variables = nil // of no use but to map their memory
	types, err := l.Types()
	if err == nil {
		err = o.ksyms.resolve(spec, types)
	}
	if err != nil {
		return refusal(err)
	}
	c, err := l.NewCollection(spec, options)
	if err != nil {
		// Once more for the verifier's log. That of a program which is too complex
		// would be millions of lines: of it the summary.
		options.Programs = ebpf.ProgramOptions{LogLevel: ebpf.LogLevelBranch}
		if errors.Is(err, unix.E2BIG) {
			options.Programs.LogLevel = ebpf.LogLevelStats
		}
		c, err = l.NewCollection(spec, options)
	}
	if err != nil {
		return refusal(err)
	}
	o.loader, o.loaded, o.Loaded = l, c, time.Now()
	return nil
}

// Close unloads the object; the kernel keeps it for the runs there are.
func (o *Object) Close() {
	o.unloading.Lock()
	defer o.unloading.Unlock()
	o.loaded.Close()
	o.loaded = nil
}

// use calls f with what is loaded. It is ENOENT when the object was unloaded.
func (o *Object) use(f func(c *ebpf.Collection) error) error {
	o.unloading.RLock()
	defer o.unloading.RUnlock()
	if o.loaded == nil {
		return fmt.Errorf("%s has been unloaded: %w", o.Name, unix.ENOENT)
	}
	return f(o.loaded)
}

// Run starts a run of a program, whose output are its records.
func (o *Object) Run(program string, p bpf.Params) (s *loader.Stream, err error) {
	err = o.use(func(c *ebpf.Collection) error {
		known := o.Program(program)
		if known == nil {
			return unix.ENOENT
		}
		s, err = o.loader.Attach(c.Programs[program], known.Target, o.Name+"/"+program, p)
		return err
	})
	return s, err
}

// Pin pins a program of the object, attached with the parameters, in a BPF filesystem.
func (o *Object) Pin(program *Program, p bpf.Params, path string) error {
	return o.use(func(c *ebpf.Collection) error {
		return o.loader.Pin(c.Programs[program.Name], program.Target, p, path)
	})
}
