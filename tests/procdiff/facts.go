// SPDX-License-Identifier: Apache-2.0

package procdiff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// facts are what a program can find out about a path, by the question: the value,
// or the name of the error.
type facts map[string]string

// longestRead bounds what is read of a file: some have no end.
const longestRead = 64 << 10

// unread are files whose content is not asked for: reading takes from others, or waits.
var unread = map[string]bool{"kmsg": true, "kcore": true, "mem": true, "pagemap": true}

// observe asks all of a path; with texts it does not follow links to objects.
func observe(path string, texts bool) facts {
	f := facts{}
	var own, target unix.Stat_t
	if f.err("lstat", unix.Lstat(path, &own)) {
		return f
	}
	f.attributes("lstat", &own)
	link := make([]byte, 2*unix.PathMax)
	n, err := unix.Readlink(path, link)
	if !f.err("readlink", err) {
		f["readlink"] = string(link[:n])
	}
	if texts && isMagic(path) {
		return f
	}
	if f.err("stat", unix.Stat(path, &target)) {
		return f
	}
	f.attributes("stat", &target)
	if isMagic(path) {
		// What it leads to is the same object, and opening that could change it.
		f["leads to"] = fmt.Sprintf("%x:%d", target.Dev, target.Ino)
		return f
	}
	for name, mode := range map[string]uint32{"read": unix.R_OK, "write": unix.W_OK, "execute": unix.X_OK} {
		f.err("access to "+name, unix.Access(path, mode))
	}
	switch target.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		f.list(path)
	case unix.S_IFREG:
		f.read(path)
	}
	return f
}

// isMagic reports whether procfs makes the path a link to an object.
func isMagic(path string) bool {
	switch filepath.Base(filepath.Dir(path)) {
	case "fd", "map_files", "ns":
		return true
	}
	switch filepath.Base(path) {
	case "exe", "cwd", "root":
		return true
	}
	return false
}

// err notes an error, and reports whether there is one.
func (f facts) err(question string, err error) bool {
	if err == nil {
		f[question+" fails"] = "no"
		return false
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		f[question+" fails"] = unix.ErrnoName(errno)
	} else {
		f[question+" fails"] = err.Error()
	}
	return true
}

func (f facts) attributes(call string, st *unix.Stat_t) {
	f[call+" type"] = fmt.Sprintf("%#o", st.Mode&unix.S_IFMT)
	f[call+" mode"] = fmt.Sprintf("%04o", st.Mode&^unix.S_IFMT)
	f[call+" owner"] = fmt.Sprintf("%d:%d", st.Uid, st.Gid)
	f[call+" nlink"] = fmt.Sprint(st.Nlink)
	f[call+" size"] = fmt.Sprint(st.Size)
}

// list notes the entries in their order, with the types that the directory tells.
func (f facts) list(path string) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if f.err("open", err) {
		return
	}
	defer unix.Close(fd)
	names, types, err := entries(fd, 32<<10)
	f.err("list", err)
	f["list"], f["list types"] = strings.Join(names, "\n"), strings.Join(types, "\n")
}

// entries reads a directory with a buffer of that size.
func entries(fd, size int) (names, types []string, err error) {
	for buffer := make([]byte, size); ; {
		n, err := unix.Getdents(fd, buffer)
		if n <= 0 || err != nil {
			return names, types, err
		}
		for b := buffer[:n]; len(b) > 0; {
			length := binary.NativeEndian.Uint16(b[16:]) // struct linux_dirent64
			name, _, _ := strings.Cut(string(b[19:length]), "\x00")
			names = append(names, name)
			types = append(types, fmt.Sprintf("%s %d", name, b[18]))
			b = b[length:]
		}
	}
}

// read notes the content, and that of a second reader who takes it piece by piece.
func (f facts) read(path string) {
	writer, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if !f.err("open for writing", err) {
		unix.Close(writer)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if f.err("open", err) {
		return
	}
	defer unix.Close(fd)
	if unread[filepath.Base(path)] {
		return
	}
	content, err := readIn(fd, longestRead)
	f["read"] = content
	if f.err("read", err) || len(content) > 8<<10 {
		return
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_SET); f.err("rewind", err) {
		return
	}
	f["read in pieces"], err = readIn(fd, 100)
	f.err("read in pieces", err)
}

func readIn(fd, size int) (string, error) {
	var content []byte
	for buffer := make([]byte, size); len(content) < longestRead; {
		n, err := unix.Read(fd, buffer)
		if n <= 0 || err != nil {
			return string(content), err
		}
		content = append(content, buffer[:n]...)
	}
	return string(content[:min(len(content), longestRead)]), nil
}
