// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
	kernel "github.com/iterfs/iterfs/native"
)

func (m files) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	valid, err := m.getAttr(in.NodeId, &out.Attr)
	out.SetTimeout(valid)
	return errno(err)
}

func (m *Mount) getAttr(id uint64, out *fuse.Attr) (valid time.Duration, err error) {
	owner, index := split(id)
	k, _ := m.task(id)
	switch {
	case id == rootID:
		err = m.rootAttr(".", out)
		return m.config.Freshness, err // it has a link for each process
	case owner == 0:
		return forever, m.rootAttr(m.nameOf(index), out)
	case owner >= callerOwner:
		text, err := m.callerText(uint32(owner&^callerOwner), index)
		linkAttr(&unix.Stat_t{Ino: inode(id)}, text, out)
		return forever, err
	case k == nil:
		return 0, unix.ESTALE
	}
	if index == threads {
		if valid, ok := m.threadsAttr(k.process, out); ok {
			return valid, nil
		}
	}
	if index == directory {
		m.directoryAttr(k, out)
		st, err := m.look(k)
		if err != nil { // as of the directory of a process that has ended
			st.Uid, st.Gid = 0, 0
		}
		out.Uid, out.Gid = st.Uid, st.Gid
		return 0, nil
	}
	dir, st, err := m.open(k)
	if err != nil {
		return 0, err
	}
	defer unix.Close(dir)
	if err := unix.Fstatat(dir, m.fileName(index), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return 0, err
	}
	return m.attributes(k, index, dir, &st, out)
}

// attributes tells of what is in the directory of a process or thread, where the
// native one is as st says, and for how long.
func (m *Mount) attributes(k *task, index uint64, dir int, st *unix.Stat_t, out *fuse.Attr) (valid time.Duration, err error) {
	valid = forever
	switch f, hot := hotFile(index); {
	case hot:
		var size uint64
		size, valid, err = m.size(k.process, f, dir)
		fileAttr(st, size, out)
	case index == threads:
		valid = m.config.Freshness // it has a link for each
		fileAttr(st, 0, out)
	default:
		linkAttr(st, m.textOf(k, index), out)
	}
	out.Ino = inode(nodeID(k.id, index))
	return valid, err
}

func (m *Mount) nameOf(index uint64) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := index - firstName; index >= firstName && i < uint64(len(m.nodes.names)) {
		return m.nodes.names[i]
	}
	return ""
}

// rootAttr tells of the root or an entry of it that is no process.
func (m *Mount) rootAttr(name string, out *fuse.Attr) error {
	if name == fs.NativeName {
		name = "."
	}
	var st unix.Stat_t
	if err := unix.Fstatat(m.native.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	if m.isLink(name, st.Mode) {
		text, err := m.rootText(name)
		if err != nil {
			return err
		}
		linkAttr(&st, text, out)
	} else {
		fileAttr(&st, 1, out) // of a placeholder: not empty, so that to read it fails
	}
	out.Ino = st.Ino
	return nil
}

func (m *Mount) directoryAttr(k *task, out *fuse.Attr) {
	links := m.nodes.processLinks
	if k.isThread() {
		links = m.nodes.threadLinks
	}
	*out = fuse.Attr{Ino: inode(nodeID(k.id, directory)), Mode: unix.S_IFDIR | 0o555, Nlink: links, Blksize: 1024}
	out.Uid, out.Gid = k.uid, k.gid
	began := m.nodes.boot.Add(time.Duration(k.start * kernel.Tick))
	out.SetTimes(&began, &began, &began)
}

// fileAttr are the attributes of a native file, with a size.
func fileAttr(st *unix.Stat_t, size uint64, out *fuse.Attr) {
	*out = fuse.Attr{Ino: st.Ino, Size: size, Mode: st.Mode, Nlink: uint32(st.Nlink), Blksize: 1024}
	out.Uid, out.Gid = st.Uid, st.Gid
	out.Atime, out.Atimensec = uint64(st.Atim.Sec), uint32(st.Atim.Nsec)
	out.Mtime, out.Mtimensec = uint64(st.Mtim.Sec), uint32(st.Mtim.Nsec)
	out.Ctime, out.Ctimensec = uint64(st.Ctim.Sec), uint32(st.Ctim.Nsec)
}

// linkAttr are those of a link to it, or of it where it is one.
// Kernels before 6.14 cut a text that they keep to the size of the link.
func linkAttr(st *unix.Stat_t, text []byte, out *fuse.Attr) {
	fileAttr(st, uint64(len(text)), out)
	out.Mode, out.Nlink = unix.S_IFLNK|0o777, 1
}
