// SPDX-License-Identifier: Apache-2.0

// Package fs serves a tree of live files: from one description of its entries
// it answers look-ups, listings and reads, by FUSE or in the process itself. It
// knows nothing of what the files tell.
package fs

import (
	"fmt"
	"strings"
)

// A Tree is an immutable description, ready to be walked.
type Tree struct {
	root *template
}

// template is a node of the description; a node.go node is one of its instances.
type template struct {
	path     string
	name     string
	entry    Entry
	children []*template
	object   *template // the child that stands for objects; of <name>... itself
}

// New builds a tree. It panics on a description that contradicts itself, which
// is a mistake in the program.
func New(entries []Entry) *Tree {
	root := &template{}
	for _, e := range entries {
		t := root
		for name := range strings.SplitSeq(e.Path, "/") {
			t = t.child(name)
		}
		if t.defined() {
			panic(fmt.Sprintf("fs: two entries for %s", e.Path))
		}
		t.entry = e
	}
	root.check()
	return &Tree{root: root}
}

func (t *template) child(name string) *template {
	if isPlaceholder(name) {
		if t.object == nil {
			t.object = &template{name: name, path: join(t.path, name)}
			if strings.HasSuffix(name, recursive) {
				t.object.object = t.object
			}
		}
		if t.object.name != name {
			panic(fmt.Sprintf("fs: %s and %s in one directory", t.object.path, name))
		}
		return t.object
	}
	c := t.fixed(name)
	if c == nil {
		c = &template{name: name, path: join(t.path, name)}
		t.children = append(t.children, c)
	}
	return c
}

// fixed returns the entry of that very name, or nil.
func (t *template) fixed(name string) *template {
	for _, c := range t.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (t *template) check() {
	isFile := t.entry.Objects == nil && (t.entry.Open != nil || t.entry.Link != nil)
	if isFile && (len(t.children) > 0 || t.object != nil) {
		panic(fmt.Sprintf("fs: %s is a file and has entries below it", t.path))
	}
	if t.object != nil && t.object != t {
		if t.object.entry.Objects == nil {
			panic(fmt.Sprintf("fs: nothing generates the objects of %s", t.object.path))
		}
		t.object.check()
	}
	for _, c := range t.children {
		c.check()
	}
}

func (t *template) defined() bool {
	e := &t.entry
	return e.Open != nil || e.Link != nil || e.Objects != nil || e.Dir
}

// recursive ends a component that stands for objects to any depth.
const recursive = "..."

func isPlaceholder(name string) bool {
	return strings.HasPrefix(name, "<") && strings.HasSuffix(strings.TrimSuffix(name, recursive), ">")
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
