// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"slices"
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

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
	inode  uint64 // of the native link, when it was last seen
}

// unreadable is the number of the text of those who may not see it.
const unreadable = 0

func textIndex(name string) (uint64, bool) {
	i := slices.Index(textNames[:], name)
	return firstText + uint64(i)*texts, i >= 0
}

// asksText reports whether a request is for the text of such a link, and returns the
// index of the node, which a LOOKUP does not name yet: it is that of the unreadable text.
func asksText(h *fuse.InHeader, in []byte) (index uint64, is bool) {
	owner, index := split(h.NodeId)
	switch {
	case owner == 0 || owner >= callerOwner:
	case h.Opcode == opLookup && index == directory:
		return textIndex(unix.ByteSliceToString(in[inHeader:]))
	case h.Opcode == opReadlink:
		return index, index >= firstText
	}
	return 0, false
}

// A reader is who reads such a link, below his root directory and as he may: of those
// who share the mount, the kernel says who may trace whom.
type reader struct {
	root   *kernel.RootDir
	rights *rights.Task // nil: this process's
	err    error        // who he is could not be found out: he may read none
}

func (m *Mount) reader(c fuse.Caller) (r reader) {
	if m.config.Root != nil {
		r.root, r.err = m.config.Root(c.Pid)
	}
	if m.config.AllowOther {
		t := rights.Task{UID: c.Uid, GID: c.Gid, TID: c.Pid}
		if all, err := rights.All(t); err != nil || !all {
			r.rights = &t
		}
	}
	return r
}

// takesThread reports whether his part takes a thread: with other rights, or in another
// root directory, which may be in a filesystem that lets who comes there wait.
func (r reader) takesThread() bool { return r.err == nil && (r.root != nil || r.rights != nil) }

// readlink puts the text of a native link into buf.
func (r reader) readlink(n native, path string, buf []byte) (text []byte, err error) {
	read := func() error {
		k, err := unix.Readlinkat(n.fd, path, buf)
		text = buf[:max(k, 0)]
		return err
	}
	switch {
	case r.err != nil:
		err = r.err
	case r.rights != nil:
		err = rights.As(*r.rights, r.root, read)
	default:
		err = r.root.During(read)
	}
	return text, err
}

// answerText answers a request that is for a text, with out to do it in, or elsewhere.
// Programs send it process by process, more often than any other: so the methods of
// files are not asked.
func (m *Mount) answerText(index uint64, in, out []byte) {
	r := m.reader((*fuse.InHeader)(unsafe.Pointer(&in[0])).Caller)
	if !r.takesThread() {
		m.answerReader(r, index, in, out)
		return
	}
	in = slices.Clone(in)
	m.work(func() {
		defer r.root.Close()
		m.answerReader(r, index, in, make([]byte, 2*headers))
	})
}

func (m *Mount) answerReader(r reader, index uint64, in, out []byte) {
	h := (*fuse.InHeader)(unsafe.Pointer(&in[0]))
	n, err := 0, error(unix.ENOENT)
	switch k, _ := m.task(h.NodeId); {
	case k == nil:
	case h.Opcode == opLookup:
		entry := (*fuse.EntryOut)(unsafe.Pointer(&out[outHeader]))
		*entry, n = fuse.EntryOut{}, int(unsafe.Sizeof(*entry))
		err = m.lookupText(r, k, index, entry, out[outHeader+n:])
	default:
		n, err = m.readlinkText(r, k, index, out[outHeader:])
	}
	m.reply(h.Unique, out[:outHeader+n], err)
}

// lookupText finds the node that has the present text of a link.
func (m *Mount) lookupText(r reader, k *task, index uint64, out *fuse.EntryOut, buf []byte) error {
	kind := (index - firstText) / texts
	path := k.path() + "/" + textNames[kind]
	now, unseen := r.readlink(m.native, path, buf[:unix.PathMax])
	st, err := m.textLink(k, kind, path) // now, so that it was this task's
	if err != nil {
		return unix.ENOENT
	}
	m.mu.Lock()
	t := &k.links[kind]
	if unseen == nil && (t.number == 0 || !bytes.Equal(t.text, now)) {
		t.number = t.number%(texts-1) + 1
		t.text = bytes.Clone(now)
	}
	if unseen == nil {
		index += t.number
	}
	m.nodes.ref(k, index)
	m.mu.Unlock()
	out.NodeId, out.Generation = nodeID(k.id, index), generation
	valid, err := m.attributes(k, index, -1, &st, &out.Attr)
	out.SetAttrTimeout(valid)
	return err
}

// textLink returns the attributes of a native link that is found by its path.
func (m *Mount) textLink(k *task, kind uint64, path string) (st unix.Stat_t, err error) {
	if err := unix.Fstatat(m.native.fd, path, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return st, err
	}
	m.mu.Lock()
	seen := k.links[kind].inode == st.Ino
	m.mu.Unlock()
	if seen {
		return st, nil
	}
	if _, err := m.look(k); err != nil {
		return st, err
	}
	m.mu.Lock()
	k.links[kind].inode = st.Ino
	m.mu.Unlock()
	return st, nil
}

// readlinkText puts the text of a node into out.
func (m *Mount) readlinkText(r reader, k *task, index uint64, out []byte) (n int, err error) {
	kind, number := (index-firstText)/texts, (index-firstText)%texts
	m.mu.Lock()
	t := k.links[kind]
	m.mu.Unlock()
	if number != unreadable && t.number == number {
		return copy(out, t.text), nil
	}
	if _, err := r.readlink(m.native, k.path()+"/"+textNames[kind], out[:unix.PathMax]); err != nil {
		return 0, err
	}
	return 0, unix.ESTALE // it is another text by now: have it looked up again
}
