// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Variables returns the names of the object's global variables, in order.
func (o *Object) Variables() []string { return slices.Sorted(maps.Keys(o.spec.Variables)) }

// IsConstant reports whether a variable is fixed when the object is loaded.
func (o *Object) IsConstant(variable string) bool {
	v := o.spec.Variables[variable]
	return v != nil && v.Constant()
}

// AppendVariable appends the value that a variable has just now, as text of its
// type and a newline.
func (o *Object) AppendVariable(dst []byte, variable string) ([]byte, error) {
	v := o.spec.Variables[variable]
	if v == nil {
		return dst, unix.ENOENT
	}
	if v.Constant() {
		return append(typeOf(v).append(dst, v.Value), '\n'), nil
	}
	err := o.live(v, func(value []byte) { dst = append(typeOf(v).append(dst, value), '\n') })
	return dst, err
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

// SetVariable gives a variable of an object the value of a text. One of .data or
// .bss has it at once; for a constant the object is loaded anew and takes the
// place of the other, whose other variables it takes over. It is EINVAL for what
// is no value of the type, ERANGE for one that the type has no room for.
func (s *Store) SetVariable(object, variable string, text []byte) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	o := s.Object(object)
	if o == nil || o.spec.Variables[variable] == nil {
		return unix.ENOENT
	}
	v := o.spec.Variables[variable]
	value, err := typeOf(v).parse(text)
	switch {
	case err != nil:
	case v.Constant():
		err = s.loadWith(o, variable, value)
	default:
		err = o.live(v, func(now []byte) { copy(now, value) })
	}
	if err != nil {
		s.Failures.Add(fmt.Sprintf("%s/vars/%s", object, variable), err)
	}
	return err
}

// loadWith loads an object with another value of a constant. s.changing is held.
func (s *Store) loadWith(o *Object, constant string, value []byte) error {
	changed := &Object{File: o.File, Name: o.Name, Content: o.Content, Programs: o.Programs, spec: o.spec.Copy()}
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
