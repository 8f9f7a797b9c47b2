// SPDX-License-Identifier: Apache-2.0

// Package taskfile is iter/task_file: the open files of processes.
package taskfile

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/sock"
	"github.com/iterfs/iterfs/native"
)

// Target has the tables tasks/files and tasks/sockets, those of each process, and
// net/sockets.
var Target = bpf.Target{
	Name:   "task_file",
	Since:  "5.8",
	Object: loadTaskFile,
	Records: map[string]uintptr{
		"reader":        unsafe.Sizeof(bpf.Identity{}),
		"file_record":   unsafe.Sizeof(taskFileFileRecord{}),
		"socket_holder": unsafe.Sizeof(taskFileSocketHolder{}),
		"socket_owner":  unsafe.Sizeof(taskFileSocketOwner{}),
		"socket_record": sock.RecordSize,
	},
	Files: []bpf.File{
		withPaths(table.File("tasks/files", "file_records", "one row per open file of each process")),
		withPaths(ofProcess(table.File("tasks/<pid>/files", "file_records", "one row per open file of the process"))),
		socketTable.File("tasks/sockets", "socket_records", "one row per open socket of each process, in all network namespaces"),
		ofProcess(socketTable.File("tasks/<pid>/sockets", "socket_records", "one row per open socket of the process")),
		netSockets,
	},
}

func ofProcess(f bpf.File) bpf.File {
	f.MayBeEmpty, f.Traced = true, bpf.AtOpen
	return f
}

// withPaths is a file of rows that have paths, which begin at the reader's root directory.
func withPaths(f bpf.File) bpf.File {
	f.PerRoot = true
	f.Open = func(r bpf.Request, form bpf.Form) (bpf.Content, error) {
		format := r.File.As(form)
		if r.Params.Root != nil {
			below := table
			below.Source = filesBelow(r.Params.Root)
			format = below.As(form)
		}
		return r.Render(r.File.Program, format)
	}
	return f
}

// The kinds of files, enum file_kind of records.h.
const (
	kindOrdinary = iota
	kindSocket
	kindPipe
	kindAnonymous
)

func number(name string, width int, source, doc string, value func(f file) int64) bpf.Column[file] {
	return bpf.Column[file]{Name: name, Width: width, Source: source, Doc: doc, Number: bpf.Always(value)}
}

var table = bpf.Table[file]{Source: filesBelow(nil), Columns: []bpf.Column[file]{
	number("PID", 7, "tgid", "process id; the files of threads that do not share those of their process are not shown, as in /proc/<pid>/fd",
		func(f file) int64 { return int64(f.Head.Tgid) }),
	number("FD", 4, "fd", "file descriptor", func(f file) int64 { return int64(f.Fd) }),
	{Name: "TYPE", Width: 4, Source: "f_inode->i_mode, i_sb->s_magic",
		Doc:  "reg, dir, lnk, chr, blk, fifo (a named pipe), pipe, sock, or anon: what PATH tells, and no file",
		Text: func(dst []byte, f file) ([]byte, bool) { return append(dst, f.typeName()...), true }},
	{Name: "MODE", Width: 4, Source: "f_mode, f_flags", Doc: "r, w, rw; p when opened with O_PATH; - when neither readable nor writable",
		Text: func(dst []byte, f file) ([]byte, bool) { return append(dst, modes[f.Access&7]...), f.Access&7 != 0 }},
	number("POS", 8, "f_pos", "offset of the next read or write", func(f file) int64 { return int64(f.Pos) }),
	{Name: "DEV", Width: 6, Source: "f_inode->i_sb->s_dev", Doc: "device of the filesystem, major:minor in hexadecimal as in /proc/<pid>/maps",
		Text: func(dst []byte, f file) ([]byte, bool) { return bpf.AppendDevice(dst, f.Dev), true }},
	{Name: "INO", Width: 8, Source: "f_inode->i_ino", Doc: "inode number", Unsigned: true, Number: bpf.Always(func(f file) int64 { return int64(f.Ino) })},
	{Name: "PATH", Source: "f_path", Doc: "as the links in /proc/<pid>/fd; - when it is longer than 4095 bytes", Text: appendPath},
}}

// types are the types of inodes by i_mode>>12.
var types = [16]string{0: "anon", 1: "fifo", 2: "chr", 4: "dir", 6: "blk", 8: "reg", 10: "lnk", 12: "sock"}

func (f file) typeName() string {
	switch f.Kind {
	case kindPipe:
		return "pipe"
	case kindAnonymous:
		return "anon"
	}
	return types[f.Type>>12]
}

// modes are the combinations of FMODE_READ, FMODE_WRITE and ACCESS_PATH of the program.
var modes = [8]string{"", "r", "w", "rw", "p", "p", "p", "p"}

// appendPath appends what readlink(2) tells of a link in /proc/<pid>/fd.
func appendPath(dst []byte, f file) ([]byte, bool) {
	switch f.Kind {
	case kindSocket:
		return appendNumbered(dst, "socket:[", f.Ino), true
	case kindPipe:
		return appendNumbered(dst, "pipe:[", f.Ino), true
	}
	if len(f.path) > 0 {
		return append(dst, f.path...), true
	}
	if f.root != nil {
		return appendLinkBelow(dst, f)
	}
	return appendLink(dst, f)
}

func appendNumbered(dst []byte, name string, ino uint64) []byte {
	return append(strconv.AppendUint(append(dst, name...), ino, 10), ']')
}

// appendLinkBelow is appendLink for who has another root directory.
func appendLinkBelow(dst []byte, f file) (text []byte, ok bool) {
	err := f.root.During(func() error {
		text, ok = appendLink(dst, f)
		return nil
	})
	if err != nil {
		return dst, false
	}
	return text, ok
}

// appendLink reads the link itself, where a program cannot make paths: before
// Linux 5.12. A file that was closed meanwhile has none.
func appendLink(dst []byte, f file) ([]byte, bool) {
	var room [40]byte
	name := strconv.AppendUint(room[:0], uint64(f.Head.NativeTgid), 10)
	name = strconv.AppendUint(append(name, "/fd/"...), uint64(f.Fd), 10)
	name = append(name, 0)
	var link [unix.PathMax]byte
	proc, err := native.Root()
	if err != nil {
		return dst, false
	}
	// What unix.Readlink does, which takes a string and so allocates.
	n, _, errno := unix.Syscall6(unix.SYS_READLINKAT, uintptr(proc), uintptr(unsafe.Pointer(&name[0])),
		uintptr(unsafe.Pointer(&link[0])), uintptr(len(link)), 0, 0)
	if errno != 0 {
		return dst, false
	}
	return append(dst, link[:n]...), true
}
