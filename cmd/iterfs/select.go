// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"iter"
	"strings"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/query"
	"github.com/iterfs/iterfs/fs"
)

// selection is the directory select/, where a path is a query. Its names cannot
// be listed: looking one up resolves the query, or says why it cannot be.
type selection struct {
	*system
	kernel  *query.Kernel
	refused refusals
}

// selectEntries are the entries of select/.
func (s *system) selectEntries() ([]fs.Entry, error) {
	types, err := s.loader.Types()
	if err != nil {
		return nil, err
	}
	q := &selection{system: s, kernel: query.NewKernel(types)}
	// Queries show what the kernel shows to those who may use bpf(2), and to no others.
	entries := []fs.Entry{
		{Path: "select", Private: true, Dir: true},
		{Path: "select/README", Open: s.generated((*system).appendSelectReadme)},
		{Path: "select/errors", Open: func(context.Context, fs.Request) (fs.Stream, error) {
			return fs.Text(q.refused.append(nil)), nil
		}},
		{Path: "select/<target>", Lasting: true, Objects: q.targets},
		{Path: "select/<target>/fields", Open: q.fields(bpf.Text)},
		{Path: "select/<target>/fields.json", Open: q.fields(bpf.JSON)},
		q.dir("select/<target>/where/<conditions>"),
	}
	for _, dir := range []string{"select/<target>", "select/<target>/where/<conditions>"} {
		entries = append(entries,
			q.file(dir+"/<fields>"),
			q.file(dir+"/count/<fields>"),
			q.dir(dir+"/sum/<sum>"),
			q.file(dir+"/sum/<sum>/by/<fields>"))
	}
	return entries, nil
}

// targets lists the iterator targets that can be asked.
func (s *selection) targets(_ context.Context, _ fs.Request, want string) iter.Seq2[fs.Object, error] {
	return func(yield func(fs.Object, error) bool) {
		if want != "" {
			if err := s.kernel.Check(query.Text{Target: want}); err != nil {
				s.refused.add("select/"+want, err)
				yield(fs.Object{}, err)
				return
			}
		}
		for _, t := range query.Targets {
			if s.loader.Present(&bpf.Target{Name: t.Name, Since: t.Since}) == nil && !yield(fs.Object{Name: t.Name}, nil) {
				return
			}
		}
	}
}

// fields makes the Open of the list of a target's fields.
func (s *selection) fields(form bpf.Form) func(context.Context, fs.Request) (fs.Stream, error) {
	return func(_ context.Context, r fs.Request) (fs.Stream, error) {
		content, err := s.kernel.AppendFields(nil, r.Objects[0].Name, form)
		return fs.Text(content), err
	}
}

// dir is the entry of a directory on the way to queries.
func (s *selection) dir(path string) fs.Entry {
	return fs.Entry{Path: path, Lasting: true, Objects: s.lookup(path)}
}

// file is the entry of queries.
func (s *selection) file(path string) fs.Entry {
	return fs.Entry{Path: path, Lasting: true, Objects: s.lookup(path), Open: func(ctx context.Context, r fs.Request) (fs.Stream, error) {
		names := make([]string, len(r.Objects))
		for i, o := range r.Objects {
			names[i] = o.Name
		}
		text, form := queryOf(path, names)
		reader := s.opener(ctx, r)
		var err error
		if text.Numbers, err = numbersOf(ctx, reader); err != nil {
			return nil, err
		}
		q, err := s.kernel.Compile(text)
		if err != nil {
			return nil, err
		}
		request := bpf.Request{System: s, Target: q.Target, File: &q.Target.Files[0], Reader: reader}
		content, err := start(request, form)
		if err != nil {
			s.refused.add(pathOf(path, names), err)
			return nil, err
		}
		return &answer{content, func(err error) { s.refused.add(pathOf(path, names), err) }}, nil
	}}
}

// answer is the content of a query, which may fail as it is read.
type answer struct {
	fs.Stream
	failed func(error)
}

func (a *answer) Append(ctx context.Context, dst []byte) ([]byte, error) {
	dst, err := a.Stream.Append(ctx, dst)
	if err != nil && err != io.EOF && ctx.Err() == nil {
		a.failed(err)
	}
	return dst, err
}

// lookup makes the generator of names that are parts of a query: of all, none;
// of one, itself, if the query up to there can be.
func (s *selection) lookup(path string) func(context.Context, fs.Request, string) iter.Seq2[fs.Object, error] {
	return func(ctx context.Context, r fs.Request, want string) iter.Seq2[fs.Object, error] {
		return func(yield func(fs.Object, error) bool) {
			if want == "" {
				return
			}
			names := make([]string, len(r.Objects), len(r.Objects)+1)
			for i, o := range r.Objects {
				names[i] = o.Name
			}
			names = append(names, want)
			text, _ := queryOf(path, names)
			var err error
			if text.Numbers, err = numbersOf(ctx, s.reader(r.Caller)); err != nil {
				yield(fs.Object{}, err)
				return
			}
			err = s.kernel.Check(text)
			if strings.HasSuffix(path, "<fields>") {
				_, err = s.kernel.Compile(text)
			}
			if err != nil {
				s.refused.add(pathOf(path, names), err)
			}
			yield(fs.Object{Name: want}, err)
		}
	}
}

// numbersOf are those that tasks have for a reader.
func numbersOf(ctx context.Context, r bpf.Reader) (query.Numbers, error) {
	identity, err := r.Identify(ctx)
	if err != nil {
		return query.Numbers{}, err
	}
	numbers := query.Numbers{PIDNS: identity.PIDNS, Level: identity.PIDLevel}
	if numbers.Level == 0 {
		numbers.PIDNS = 0
	}
	return numbers, nil
}

// queryOf makes a query of the names that stand for the components <...> of an
// entry's path.
func queryOf(path string, names []string) (text query.Text, form bpf.Form) {
	text.Count = strings.Contains(path, "/count/")
	for component := range strings.SplitSeq(path, "/") {
		if component[0] != '<' {
			continue
		}
		name := names[0]
		names = names[1:]
		switch component {
		case "<target>":
			text.Target = name
		case "<conditions>":
			text.Where = name
		case "<sum>":
			text.Sum = name
		case "<fields>":
			fields, twin := strings.CutSuffix(name, ".json")
			if twin {
				form = bpf.JSON
			}
			text.Fields = fields
		}
	}
	return text, form
}

// pathOf is an entry's path with the names in it.
func pathOf(path string, names []string) string {
	components := strings.Split(path, "/")
	for i, c := range components {
		if c[0] == '<' {
			components[i] = names[0]
			names = names[1:]
		}
	}
	return strings.Join(components, "/")
}
