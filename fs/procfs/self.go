// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"strconv"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	kernel "github.com/iterfs/iterfs/native"
)

// lookupCaller finds the link to the process or thread that asks.
func (m *Mount) lookupCaller(tid uint32, index uint64, out *fuse.EntryOut) error {
	owner := uint64(tid)
	if index == selfLink && tid != 0 {
		pid, err := m.native.tgid(tid)
		if err != nil {
			return unix.ENOENT
		}
		owner = uint64(pid)
	}
	out.NodeId, out.Generation = nodeID(callerOwner|owner, index), generation
	text, err := m.callerText(uint32(owner), index)
	if err != nil && owner != 0 {
		return err
	}
	linkAttr(&unix.Stat_t{Ino: inode(out.NodeId)}, text, &out.Attr)
	out.SetAttrTimeout(forever)
	return nil
}

// callerText is the text of self or thread-self of a process or thread.
func (m *Mount) callerText(owner uint32, index uint64) ([]byte, error) {
	if owner == 0 {
		return nil, unix.ENOENT // natively too, to those who are in no pid namespace of the mount
	}
	text := strconv.FormatUint(uint64(owner), 10)
	if index == threadLink {
		pid, err := m.native.tgid(owner)
		if err != nil {
			return nil, unix.ENOENT
		}
		text = strconv.FormatUint(uint64(pid), 10) + "/task/" + text
	}
	return []byte(text), nil
}

// tgid returns the process of a thread.
func (n native) tgid(tid uint32) (uint32, error) {
	dir, _, err := n.process(tid)
	if err != nil {
		return 0, err
	}
	defer unix.Close(dir)
	status, err := n.appendFile(nil, dir, Status.String())
	if err != nil {
		return 0, err
	}
	id, _ := kernel.StatusField(status, "Tgid")
	pid, err := strconv.ParseUint(string(id), 10, 32)
	return uint32(pid), err
}
