// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// A Variable is a global variable of an object: one of its section .data or .bss,
// which programs change, or a constant of .rodata.
type Variable struct {
	Name     string
	Type     btf.Type // nil where the object has no BTF of it
	Size     int
	Constant bool
}

// Variables returns the object's by their names' order.
func (o *Object) Variables() []Variable {
	var all []Variable
	for _, name := range slices.Sorted(maps.Keys(o.spec.Variables)) {
		v := Variable{Name: name, Size: len(o.spec.Variables[name].Value), Constant: o.spec.Variables[name].Constant()}
		if t := o.spec.Variables[name].Type; t != nil {
			v.Type = t.Type
		}
		all = append(all, v)
	}
	return all
}

// Value returns what a variable holds just now.
func (o *Object) Value(variable string) ([]byte, error) {
	v := o.spec.Variables[variable]
	if v == nil {
		return nil, unix.ENOENT
	}
	value := slices.Clone(v.Value)
	if v.Constant() {
		return value, nil
	}
	err := o.live(v, func(now []byte) { copy(value, now) })
	return value, err
}

// live calls f with the memory of a variable that is not constant, as programs see
// it. It is mapped for so long: a mapping would keep the map after an unload.
func (o *Object) live(v *ebpf.VariableSpec, f func(value []byte)) error {
	return o.use(func(c *ebpf.Collection) error {
		m := c.Maps[v.SectionName]
		data, err := unix.Mmap(m.FD(), 0, int(m.ValueSize()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return fmt.Errorf("map the variables in %s: %w", v.SectionName, err)
		}
		f(data[v.Offset:][:len(v.Value)])
		return unix.Munmap(data)
	})
}

// SetValue gives a variable of an object a value of its size. One of .data or .bss
// has it at once; for a constant the object is loaded anew and takes the place of
// the other, whose other variables it takes over. Failures has what goes wrong.
func (s *Store) SetValue(object, variable string, value []byte) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	err := s.setValue(object, variable, value)
	if err != nil {
		s.Failures.Add(fmt.Sprintf("%s/vars/%s", object, variable), err)
	}
	return err
}

func (s *Store) setValue(object, variable string, value []byte) error {
	o := s.Object(object)
	if o == nil || o.spec.Variables[variable] == nil {
		return unix.ENOENT
	}
	v := o.spec.Variables[variable]
	switch {
	case len(value) != len(v.Value):
		return fmt.Errorf("%d bytes for a variable of %d: %w", len(value), len(v.Value), unix.EINVAL)
	case v.Constant():
		return s.loadWith(o, variable, value)
	}
	return o.live(v, func(now []byte) { copy(now, value) })
}

// loadWith loads an object with another value of a constant. s.changing is held.
func (s *Store) loadWith(o *Object, constant string, value []byte) error {
	changed := &Object{File: o.File, Name: o.Name, Content: o.Content, Programs: o.Programs, spec: o.spec.Copy(), ksyms: o.ksyms}
	if err := o.use(changed.takeOver); err != nil {
		return err
	}
	v := changed.spec.Variables[constant]
	data := slices.Clone(changed.data(v.SectionName))
	copy(data[v.Offset:], value)
	changed.setData(v.SectionName, data)
	return s.load(changed)
}

// takeOver makes what the variable data of c holds, static variables too, the
// object's initial values.
func (o *Object) takeOver(c *ebpf.Collection) error {
	sections := map[string]bool{}
	for _, v := range o.spec.Variables {
		if v.Constant() || sections[v.SectionName] {
			continue
		}
		data, err := c.Maps[v.SectionName].LookupBytes(uint32(0))
		if err != nil {
			return fmt.Errorf("read the variables in %s: %w", v.SectionName, err)
		}
		o.setData(v.SectionName, data)
		sections[v.SectionName] = true
	}
	return nil
}

// data is what the object's section of variables holds when it is loaded.
func (o *Object) data(section string) []byte { return o.spec.Maps[section].Contents[0].Value.([]byte) }

func (o *Object) setData(section string, data []byte) {
	o.spec.Maps[section].Contents = []ebpf.MapKV{{Key: uint32(0), Value: data}}
	for _, v := range o.spec.Variables {
		if v.SectionName == section {
			v.Value = data[v.Offset:][:len(v.Value)]
		}
	}
}
