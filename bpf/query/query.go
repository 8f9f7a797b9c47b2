// SPDX-License-Identifier: Apache-2.0

// Package query makes iterator programs of questions: a target, fields found in
// the running kernel's BTF, conditions, and what to count or add up. There is no C
// and no compiler: the path is the query, and the program is assembled from the
// offsets that BTF tells. docs/select.md has the grammar.
package query

import (
	"slices"

	"github.com/iterfs/iterfs/bpf"
)

// A Query is a program and the text made of its records.
type Query struct {
	// Target has the program, and one file.
	Target *bpf.Target

	text     Text
	from     *Target
	ctx      *bpfContext
	tests    []test
	sum      *field // nil for none
	fields   []*field
	id       *field // of rows that are collected though no groups: what they are ordered by
	layout   layout
	cpus     []uint64
	sweeping chan struct{} // a mutex that a reader can give up waiting for
}

// programName is the name of a query's only program.
const programName = "query"

const license = "Dual BSD/GPL"

// Check tells whether that much of a query can be: conditions and a sum may come
// without fields.
func (k *Kernel) Check(t Text) error {
	_, err := k.resolve(t)
	return err
}

// resolve finds all that a text names.
func (k *Kernel) resolve(t Text) (*Query, error) {
	target, ctx, err := k.target(t.Target)
	if err != nil {
		return nil, err
	}
	q := &Query{text: t, from: target, ctx: ctx, sweeping: make(chan struct{}, 1)}
	r := &resolver{k, ctx, t.Numbers}
	visible, err := r.visible()
	if err != nil {
		return nil, err
	}
	if q.tests, err = r.tests(t.Where); err != nil {
		return nil, err
	}
	q.tests = append(visible, q.tests...)
	if q.sum, err = r.summed(t.Sum); err != nil {
		return nil, err
	}
	if q.fields, err = r.fields(t.Fields, t.grouped()); err != nil {
		return nil, err
	}
	if target.bounded != nil && !t.grouped() {
		if q.id, err = r.field(path{steps: target.bounded}); err != nil {
			return nil, err
		}
	}
	for _, f := range q.all() {
		if len(f.hops) > maxHops {
			return nil, refuse("%s follows %d pointers, and %d is the limit", f.name, len(f.hops), maxHops)
		}
	}
	if slices.ContainsFunc(q.all(), func(f *field) bool { return f.perCPU }) {
		if q.cpus, err = k.offsets(); err != nil {
			return nil, refuse("this kernel does not tell where each CPU's own memory is: %v", err)
		}
	}
	return q, nil
}

// fields resolves the columns of a query; none for an empty text.
func (r *resolver) fields(text string, grouped bool) (fields []*field, err error) {
	if text == "" {
		return nil, nil
	}
	paths, err := parsePaths(text)
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		if grouped && (p.text == "count" || p.text == "sum") {
			return nil, refuse("%s is a column of its own: write the field as %s.%s", p.text, r.ctx.searched()[0].name, p.text)
		}
		f, err := r.field(p)
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// summed resolves the field that is added up; nil for an empty text.
func (r *resolver) summed(text string) (*field, error) {
	if text == "" {
		return nil, nil
	}
	if err := checkName(text); err != nil {
		return nil, err
	}
	p, err := parsePath(text)
	if err != nil {
		return nil, err
	}
	f, err := r.field(p)
	if err == nil && f.kind != number {
		err = refuse("%s is no number, and only numbers are added up", text)
	}
	return f, err
}

// all are the fields that the program reads.
func (q *Query) all() []*field {
	all := slices.Clone(q.fields)
	for i := range q.tests {
		all = append(all, q.tests[i].field)
	}
	for _, f := range []*field{q.sum, q.id} {
		if f != nil {
			all = append(all, f)
		}
	}
	return all
}

// same reports whether two queries with resolved fields ask for the same. The
// text alone does not tell: the number of a user may have changed.
func (q *Query) same(other *Query) bool {
	return q.text == other.text && slices.EqualFunc(q.tests, other.tests, func(a, b test) bool { return a.number == b.number })
}

// finish makes the program and the file of a query whose fields are resolved.
func (q *Query) finish() error {
	depth := 0
	for _, f := range q.all() {
		depth = max(depth, len(f.hops))
	}
	fields := q.fields
	if q.id != nil {
		fields = append([]*field{q.id}, fields...)
	}
	var err error
	if q.layout, err = newLayout(fields, depth, q.collects()); err != nil {
		return err
	}
	if err := bearable(q.assemble()); err != nil {
		return err
	}
	q.Target = &bpf.Target{Name: q.from.Name, Since: q.from.Since, Object: q.object, Transient: true, Files: []bpf.File{{
		Doc: "a query", Program: programName, PerNetNS: q.from.PerNetNS, Open: q.open, Twin: true,
	}}}
	return nil
}

// collects reports whether rows are collected in a map: where each stands for a
// group, and where the kernel would give up after a buffer of them.
func (q *Query) collects() bool { return q.text.grouped() || q.id != nil }

// open makes the content of the query's file.
func (q *Query) open(r bpf.Request, form bpf.Form) (bpf.Content, error) {
	s, err := q.shown(r.Reader)
	if err != nil {
		return nil, err
	}
	format := q.table(s).As(form)
	if q.from.Name == "cgroup" {
		r.Params.Order = bpf.Descendants
	}
	if !q.collects() {
		return r.Render(programName, format)
	}
	return q.collect(r, format, s.functions)
}
