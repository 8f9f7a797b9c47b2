// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"slices"
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/fs/rights"
	kernel "github.com/iterfs/iterfs/native"
)

// The kernel keeps the text of each link that it has read. So a link whose text
// depends on who reads it or when is another node for each text: its look-up, which
// the kernel does not keep, says which.

// textNames are the links of a process or thread that show a path.
var textNames = [...]string{"exe", "cwd", "root"}

// text is what such a link has shown last.
type text struct {
	number uint64 // of the text, from 1
	text   []byte
}

// unreadable is the number of the text of those who may not see it.
const unreadable = 0

func textIndex(name string) (uint64, bool) {
	i := slices.Index(textNames[:], name)
	return firstText + uint64(i)*texts, i >= 0
}

// lookupText returns the index of the node that has the link's present text.
func (m *Mount) lookupText(c fuse.Caller, k *task, index uint64, dir int) uint64 {
	kind := (index - firstText) / texts
	now, err := m.readText(c, kind, dir)
	if err != nil {
		return index + unreadable
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &k.links[kind]
	if t.number == 0 || !bytes.Equal(t.text, now) {
		t.number = t.number%(texts-1) + 1
		t.text = now
	}
	return index + t.number
}

// readText reads such a link as its caller may, below his root directory: of those who
// share the mount, the kernel says who may trace whom.
func (m *Mount) readText(c fuse.Caller, kind uint64, dir int) (text []byte, err error) {
	read := func() error {
		text, err = m.native.readlink(dir, textNames[kind])
		return err
	}
	var root *kernel.RootDir
	if m.config.Root != nil {
		if root, err = m.config.Root(c.Pid); err != nil {
			return nil, err
		}
		defer root.Close()
	}
	if m.config.AllowOther {
		err = rights.As(rights.Task{UID: c.Uid, GID: c.Gid, TID: c.Pid}, root, read)
	} else {
		err = root.During(read)
	}
	return text, err
}

// takesThread reports whether to read such a link for a caller takes a thread: with other
// rights, or in another root directory, which may be in a filesystem that lets who comes
// there wait.
func (m *Mount) takesThread(c fuse.Caller) bool {
	if m.config.Root != nil {
		root, err := m.config.Root(c.Pid)
		if err != nil || root != nil {
			root.Close()
			return true
		}
	}
	if !m.config.AllowOther {
		return false
	}
	all, err := rights.All(rights.Task{UID: c.Uid, GID: c.Gid, TID: c.Pid})
	return err != nil || !all
}

func (m files) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	b, err := m.readlink(h)
	return b, errno(err)
}

func (m *Mount) readlink(h *fuse.InHeader) ([]byte, error) {
	owner, index := split(h.NodeId)
	k, _ := m.task(h.NodeId)
	switch {
	case owner >= callerOwner:
		return m.callerText(uint32(owner&^callerOwner), index)
	case owner == 0:
		return m.rootText(m.nameOf(index))
	case k == nil:
		return nil, unix.ENOENT
	case index < firstText:
		return m.textOf(k, index), nil
	}
	kind, number := (index-firstText)/texts, (index-firstText)%texts
	m.mu.Lock()
	t := k.links[kind]
	m.mu.Unlock()
	if number != unreadable && t.number == number {
		return t.text, nil
	}
	dir, _, err := m.open(k)
	if err != nil {
		return nil, unix.ENOENT
	}
	defer unix.Close(dir)
	if _, err = m.readText(h.Caller, kind, dir); err != nil {
		return nil, err
	}
	return nil, unix.ESTALE // it is another text by now: have it looked up again
}

// textOf is the text of a link of a process or thread, as its look-up found it: to
// those who may not see it, none.
func (m *Mount) textOf(k *task, index uint64) []byte {
	switch {
	case index < firstText:
		path := k.path()
		up := strings.Repeat("../", 1+strings.Count(path, "/"))
		return []byte(up + fs.NativeName + "/" + path + "/" + m.nameOf(index))
	case (index-firstText)%texts == unreadable:
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return k.links[(index-firstText)/texts].text
}

// rootText is that of a native link, or leads to what nothing is mounted over.
func (m *Mount) rootText(name string) ([]byte, error) {
	text, err := m.native.readlink(m.native.fd, name)
	if err == unix.EINVAL {
		return []byte(fs.NativeName + "/" + name), nil
	}
	return text, err
}

// isLink reports whether an entry of the root is a link: it is one natively, or it
// has appeared after the mount.
func (m *Mount) isLink(name string, mode uint32) bool {
	return mode&unix.S_IFMT == unix.S_IFLNK || name != "." && !slices.Contains(m.nodes.placeholders, name)
}
