// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"slices"
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
)

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
	}
	return m.textOf(k, index), nil
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
