// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// A cpio is an archive in the format "newc", which the kernel unpacks as its
// first root. Everything belongs to root. Folders are made as files need them.
type cpio struct {
	archive bytes.Buffer
	inode   int
	dirs    map[string]bool
}

// The type bits of st_mode.
const (
	modeDir     = 0o040000
	modeRegular = 0o100000
	modeLink    = 0o120000
)

func (c *cpio) dir(name string, perm uint32) {
	name = strings.Trim(path.Clean(name), "/")
	if name == "." || name == "" || c.dirs[name] {
		return
	}
	c.dir(path.Dir(name), 0o755)
	if c.dirs == nil {
		c.dirs = map[string]bool{}
	}
	c.dirs[name] = true
	c.entry(name, modeDir|perm, nil)
}

func (c *cpio) file(name string, perm uint32, content []byte) {
	c.dir(path.Dir(name), 0o755)
	c.entry(name, modeRegular|perm, content)
}

func (c *cpio) link(name, target string) {
	c.dir(path.Dir(name), 0o755)
	c.entry(name, modeLink|0o777, []byte(target))
}

// tree copies a folder of the host; one that does not exist is no error.
func (c *cpio) tree(name, from string) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if p == from && os.IsNotExist(err) {
				return nil
			}
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		to := path.Join(name, filepath.ToSlash(relative))
		switch perm := uint32(info.Mode().Perm()); {
		case d.IsDir():
			c.dir(to, perm)
		case info.Mode().IsRegular():
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			c.file(to, perm, content)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			c.link(to, target)
		}
		return nil
	})
}

// end returns the whole archive. The kernel unpacks one archive after another
// from the same memory, so that archives can be concatenated.
func (c *cpio) end() []byte {
	c.entry("TRAILER!!!", 0, nil)
	return c.archive.Bytes()
}

func (c *cpio) entry(name string, mode uint32, content []byte) {
	name = strings.TrimPrefix(name, "/")
	c.inode++
	// magic ino mode uid gid nlink mtime size devmajor devminor rdevmajor rdevminor namesize check
	fmt.Fprintf(&c.archive, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		c.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0, name)
	c.pad()
	c.archive.Write(content)
	c.pad()
}

func (c *cpio) pad() {
	for c.archive.Len()%4 != 0 {
		c.archive.WriteByte(0)
	}
}
