// SPDX-License-Identifier: Apache-2.0

package query

import (
	"bytes"
	"errors"

	"github.com/cilium/ebpf/btf"

	"github.com/iterfs/iterfs/bpf"
)

// A listed path and the type of what it leads to.
type listed struct{ path, ctype []byte }

// listing reads paths and types that have a NUL behind each.
var listing = bpf.Table[listed]{
	Source: bpf.Source[listed]{Decode: func(batch []byte) (listed, int, error) {
		path, rest, _ := bytes.Cut(batch, []byte{0})
		ctype, _, found := bytes.Cut(rest, []byte{0})
		if !found {
			return listed{}, 0, errors.New("torn listing of fields")
		}
		return listed{path, ctype}, len(path) + len(ctype) + 2, nil
	}},
	Columns: []bpf.Column[listed]{
		{Name: "PATH", Width: 40, Text: func(dst []byte, l listed) ([]byte, bool) { return append(dst, l.path...), true }},
		{Name: "TYPE", Text: func(dst []byte, l listed) ([]byte, bool) { return append(dst, l.ctype...), true }},
	},
}

// AppendFields appends a table of the paths that can be asked of a target, with
// their types in C: each object of its context, their fields, and the fields of
// these. Deeper ones are found in the same way.
func (k *Kernel) AppendFields(dst []byte, target string, form bpf.Form) ([]byte, error) {
	_, ctx, err := k.target(target)
	if err != nil {
		return dst, err
	}
	var batch []byte
	list := func(path string, t btf.Type) {
		batch = append(append(batch, path...), 0)
		batch = append(append(batch, cType(t)...), 0)
	}
	for i := range ctx.objects {
		o := &ctx.objects[i]
		list(o.name, o.typ)
		for _, m := range flatten(behind(o.typ)) {
			path := o.name + "." + m.Name
			list(path, m.Type)
			for _, sub := range below(m.Type) {
				list(path+sub.Name, sub.Type)
			}
		}
	}
	format := listing.Text()
	if form == bpf.JSON {
		format = listing.JSON()
	}
	dst = format.Head(dst)
	for len(batch) > 0 && err == nil {
		dst, batch, _, err = format.Append(dst, batch, nil)
	}
	return dst, err
}

// behind is what a pointer leads to, or the type itself.
func behind(t btf.Type) btf.Type {
	under, _ := peel(t)
	if p, ok := under.(*btf.Pointer); ok {
		under, _ = peel(p.Target)
	}
	return under
}

// below are the steps that lead on from a type, as the names of members.
func below(t btf.Type) (steps []btf.Member) {
	under := behind(t)
	index := ""
	if a, ok := under.(*btf.Array); ok {
		under, index = behind(a.Type), "[0]"
	}
	for _, m := range flatten(under) {
		m.Name = index + "." + m.Name
		steps = append(steps, m)
	}
	return steps
}
