// SPDX-License-Identifier: Apache-2.0

package task

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// A text appends a file of procfs as one record has it. What it fails with is
// what the file's reader is told; ESRCH of a process that has gone.
type text[T any] func(dst []byte, e entry[T]) ([]byte, error)

// A rendering appends a file of procfs of what a record has, and reports whether
// that is all of it.
type rendering[T any] func(dst []byte, e entry[T]) ([]byte, bool)

// A nativeFile is the path of a task's real file below its process's directory.
type nativeFile func(*taskTaskKey) string

func ofProcess(name string) nativeFile { return func(*taskTaskKey) string { return name } }

func ofThread(name string) nativeFile {
	return func(key *taskTaskKey) string { return threadFile(key.NativeTid, name) }
}

// orNative makes a text of a rendering: the real file where the record has not all
// of it.
func orNative[T any](render rendering[T], name nativeFile) text[T] {
	return func(dst []byte, e entry[T]) ([]byte, error) {
		start := len(dst)
		dst, known := render(dst, e)
		if !known {
			return appendNative(dst[:start], *e.key(), name(e.key()))
		}
		return dst, nil
	}
}

// recordFiles are procFiles of a rendering of the program of their name.
func recordFiles[T any](name, doc string, render rendering[T], all func(one text[T]) text[T]) []bpf.File {
	one := orNative(render, ofProcess(name))
	return procFiles(name, name+"_records", doc, one, orNative(render, ofThread(name)), all(one))
}

// procFiles are the files with a name of procfs: that of one process and that of one
// thread, which have the bytes of procfs, and that of all processes.
func procFiles[T any](name, program, doc string, one, thread, all text[T]) []bpf.File {
	return []bpf.File{
		{Path: "tasks/" + name, Doc: "every process's " + name + ", " + doc, Program: program, Format: source[T]().Texts(all)},
		{Path: "tasks/<pid>/" + name, Doc: "as /proc/<pid>/" + name, Program: program, Format: source[T]().Texts(one)},
		{Path: "tasks/<pid>/task/<tid>/" + name, Doc: "as /proc/<pid>/task/<tid>/" + name, Program: program, Format: source[T]().Texts(thread)},
	}
}

// onlyOwner makes files of which procfs tells only the owner who may trace the
// process. That of all processes is everybody's: the program leaves out the others.
func onlyOwner(files []bpf.File) []bpf.File {
	for i := range files[1:] {
		one := &files[1+i]
		one.Mode, one.Traced = 0o400, bpf.AtReads
	}
	return files
}

// partly makes files that show not all of themselves to whom may not trace the process.
func partly(files []bpf.File) []bpf.File {
	for i := range files[1:] {
		files[1+i].Traced = bpf.InReads
	}
	return files
}

// The forms that a text has in the file of all processes.
const (
	headedForm   = "under a line ==> PID <=="
	numberedForm = "a line each behind its pid"
)

// headed puts a text of any number of lines under one with the pid.
func headed[T any](one text[T]) text[T] {
	return func(dst []byte, e entry[T]) ([]byte, error) {
		dst = append(dst, "==> "...)
		dst = strconv.AppendUint(dst, uint64(e.key().Tgid), 10)
		return hide(one(append(dst, " <==\n"...), e))
	}
}

// numbered puts the pid before a text of one line.
func numbered[T any](one text[T]) text[T] {
	return func(dst []byte, e entry[T]) ([]byte, error) {
		dst = strconv.AppendUint(dst, uint64(e.key().Tgid), 10)
		return hide(one(append(dst, ' '), e))
	}
}

// hide leaves out of all processes the one whose real file must not be read.
func hide(dst []byte, err error) ([]byte, error) {
	if err == unix.EACCES || err == unix.EPERM {
		err = unix.ESRCH
	}
	return dst, err
}

func (e entry[T]) key() *taskTaskKey { return &(*head)(unsafe.Pointer(e.rec)).key }
