// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"text/template"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/iterfs/iterfs/bpf"
)

var update = flag.Bool("update", false, "write docs/ anew")

//go:generate go test . -run TestDocs -update

// manualDate is when the manual's text, not its tables, was last changed.
const manualDate = "November 2026"

type manualCommand struct {
	Use, Text string
	Flags     []manualFlag
}

type manualFlag struct{ Name, Usage string }

// For the manual's template.
func (o option) Doc() string { return o.doc }

// manual is what the template docs/iterfs.8.md.tmpl is filled with: what the
// commands and targets say of themselves.
type manual struct {
	Date, Version string
	Commands      []manualCommand
	Options       []option
	Files         []bpf.File
	ProcessFiles  []string
	Tables        []manualTable
}

// A manualTable is the first of the files that have the same columns, and the
// paths of all.
type manualTable struct {
	bpf.File
	Paths []string
}

func (m *manual) addTable(f bpf.File) {
	for i := range m.Tables {
		if t := &m.Tables[i]; t.SameColumns(f) {
			t.Paths = append(t.Paths, f.Path)
			return
		}
	}
	m.Tables = append(m.Tables, manualTable{f, []string{f.Path}})
}

func newManual() (m manual) {
	m.Date, m.Version, m.ProcessFiles = manualDate, release, fromIterators
	m.Options = mountOptions
	for _, c := range rootCommand().Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		m.Commands = append(m.Commands, describe(c))
	}
	for _, t := range targets {
		for _, f := range t.Files {
			if f.HasJSON() {
				m.addTable(f)
			}
			m.Files = append(m.Files, f)
		}
	}
	return m
}

func describe(c *cobra.Command) manualCommand {
	d := manualCommand{Use: c.Use, Text: c.Long}
	if d.Text == "" {
		d.Text = c.Short + "."
	}
	d.Text = strings.ReplaceAll(d.Text, "\n", "\n    ")
	c.Flags().VisitAll(func(f *pflag.Flag) {
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		usage, _, _ := strings.Cut(f.Usage, "\n") // options have a section of their own
		d.Flags = append(d.Flags, manualFlag{name, strings.TrimSuffix(usage, ":")})
	})
	return d
}

// The documents in docs/ that are made of the code are up to date.
func TestDocs(t *testing.T) {
	// What Markdown or a table of it would take for its own.
	plain := strings.NewReplacer("<", `\<`, ">", `\>`, "|", `\|`, "*", `\*`)
	source, err := template.New("docs").Funcs(template.FuncMap{"plain": plain.Replace, "join": strings.Join}).ParseGlob("../../docs/*.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	for name, convert := range map[string]func([]byte) []byte{
		"iterfs.8":  md2man.Render,
		"tables.md": func(b []byte) []byte { return b },
	} {
		var text bytes.Buffer
		source := source.Lookup(strings.TrimSuffix(name, ".md") + ".md.tmpl")
		if err := source.Execute(&text, newManual()); err != nil {
			t.Fatal(err)
		}
		want, file := convert(text.Bytes()), "../../docs/"+name
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is out of date: run go generate ./cmd/iterfs (%v)", name, err)
		}
	}
}

// Each file says what it is, each column what it means and where it comes from.
func TestEverythingIsDocumented(t *testing.T) {
	for _, target := range targets {
		for _, f := range target.Files {
			if f.Doc == "" {
				t.Errorf("%s says nothing", f.Path)
			}
			if f.HasJSON() && len(f.Columns) == 0 {
				t.Errorf("%s has no columns", f.Path)
			}
			for _, c := range f.Columns {
				if c.Doc == "" || c.Source == "" {
					t.Errorf("%s: the column %s lacks its meaning or source", f.Path, c.Name)
				}
			}
		}
	}
}
