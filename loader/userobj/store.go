// SPDX-License-Identifier: Apache-2.0

// Package userobj keeps the BPF objects that users bring: ELF files with iterator
// programs, as libbpf and bpftool take them. An object is loaded whole or not at
// all, and the one before it stays until it is.
package userobj

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/loader"
)

// A Store holds the loaded objects by name. It is safe for concurrent use.
type Store struct {
	Failures Failures

	loader   *loader.Loader
	reserved []string

	// changing is held by whoever loads or removes: one at a time.
	changing sync.Mutex
	births   uint64

	mu      sync.RWMutex
	objects map[string]*Object
}

// NewStore returns a Store that loads by l. No object has a reserved name.
func NewStore(l *loader.Loader, reserved ...string) *Store {
	return &Store{loader: l, reserved: reserved, objects: map[string]*Object{}}
}

// MaxSize is that of the largest file of an object.
const MaxSize = 16 << 20

// maxName is the longest file name.
const maxName = 255

// Name is the name of the object in a file of that name: of my.bpf.o and of my.o
// it is my. It is EINVAL, with the reason, where a file cannot have the name.
func Name(file string) (string, error) {
	stem, ok := strings.CutSuffix(file, ".o")
	name := strings.TrimSuffix(stem, ".bpf")
	switch {
	case len(file) > maxName:
		return "", fmt.Errorf("a name of %d bytes, of at most %d: %w", len(file), maxName, unix.ENAMETOOLONG)
	case !ok:
		return "", fmt.Errorf("%q does not end in .o: %w", file, unix.EINVAL)
	case name == "" || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".o"):
		return "", fmt.Errorf("%q leaves no name for a directory: %w", file, unix.EINVAL)
	case strings.ContainsFunc(file, func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' }):
		return "", fmt.Errorf("%q has control characters: %w", file, unix.EINVAL)
	}
	return name, nil
}

// Check returns nil when a file of that name can be put in the store: EINVAL where
// it is no name for one, EEXIST where its object's name is reserved or another's.
func (s *Store) Check(file string) error {
	name, err := Name(file)
	if err != nil {
		return err
	}
	if slices.Contains(s.reserved, name) {
		return fmt.Errorf("the name %s is taken: %w", name, unix.EEXIST)
	}
	if o := s.Object(name); o != nil && o.File != file {
		return fmt.Errorf("%s holds the name %s: %w", o.File, name, unix.EEXIST)
	}
	return nil
}

// Put loads the object in a file and replaces the one that the file held before.
// Its errors have an errno: ENOEXEC for what is no object of iterators, EOPNOTSUPP
// for what this kernel lacks, EACCES for what its verifier refuses, and the
// kernel's own. Failures has them with the verifier's log.
func (s *Store) Put(file string, content []byte) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	err := s.put(file, content)
	if err != nil && len(content) > 0 { // else it was closed before anything was written
		s.Failures.Add(file, err)
	}
	return err
}

func (s *Store) put(file string, content []byte) error {
	if err := s.Check(file); err != nil {
		return err
	}
	o, err := parse(slices.Clone(content))
	if err != nil {
		return err
	}
	o.File = file
	o.Name, _ = Name(file)
	return s.load(o)
}

// load loads an object in place of the one that has its name. s.changing is held.
func (s *Store) load(o *Object) error {
	if err := o.load(s.loader); err != nil {
		return err
	}
	s.births++
	o.Birth = s.births
	s.mu.Lock()
	before := s.objects[o.Name]
	s.objects[o.Name] = o
	s.mu.Unlock()
	if before != nil {
		before.Close()
	}
	return nil
}

// Remove unloads the object in a file. Runs of its programs go on.
func (s *Store) Remove(file string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	name, err := Name(file)
	if err != nil {
		return err
	}
	s.mu.Lock()
	o := s.objects[name]
	if o == nil || o.File != file {
		s.mu.Unlock()
		return unix.ENOENT
	}
	delete(s.objects, name)
	s.mu.Unlock()
	o.Close()
	return nil
}

// Object returns the loaded object of that name, or nil.
func (s *Store) Object(name string) *Object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.objects[name]
}

// Objects returns the loaded objects by their names' order.
func (s *Store) Objects() []*Object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	objects := make([]*Object, 0, len(s.objects))
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		objects = append(objects, s.objects[name])
	}
	return objects
}

// Close unloads all objects.
func (s *Store) Close() {
	for _, o := range s.Objects() {
		s.Remove(o.File)
	}
}

// LoadDir loads the files *.o of a directory. Failures has those that do not load.
func (s *Store) LoadDir(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".o") {
			continue
		}
		content, err := readFile(filepath.Join(dir, f.Name()))
		if err != nil {
			s.Failures.Add(f.Name(), err)
			continue
		}
		s.Put(f.Name(), content)
	}
	return nil
}

// readFile reads a regular file; it opens others without waiting for anybody.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch info, err := f.Stat(); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file: %w", path, unix.EINVAL)
	case info.Size() > MaxSize:
		return nil, fmt.Errorf("%s has %d bytes, of at most %d: %w", path, info.Size(), MaxSize, unix.EFBIG)
	}
	return io.ReadAll(io.LimitReader(f, MaxSize))
}
