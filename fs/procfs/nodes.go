// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"time"

	"golang.org/x/sys/unix"
)

// A node id is its owner's number and an index. Owner 0 is the root, others are
// processes and threads, and with callerOwner the threads that self leads to.
const (
	indexBits   = 16
	callerOwner = 1 << 40

	rootID     = 1 // as FUSE has it
	generation = 1 // of every node: no id is given twice

	// indices of the nodes of a process or thread
	directory = 0
	firstHot  = 1       // of a process alone, as
	threads   = 32      // the directory of its threads
	firstName = 64      // indices into table.names, of the root's too
	firstText = 1 << 14 // links whose text is the caller's to read (links.go)
	texts     = 1 << 14 // the numbers for each

	// indices of the nodes of a caller
	selfLink   = 1
	threadLink = 2
)

func nodeID(owner, index uint64) uint64 { return owner<<indexBits | index }

func split(id uint64) (owner, index uint64) { return id >> indexBits, id & (1<<indexBits - 1) }

// inode is the number that a node shows: in 32 bits, for programs that have no more.
func inode(id uint64) uint64 {
	owner, index := split(id)
	return (owner<<10 + index) & (1<<32 - 1)
}

// table is what nodes are made of. Mount.mu guards it.
type table struct {
	names        []string // of links and placeholders, by index
	index        map[string]uint64
	placeholders []string
	anchor       string    // a placeholder (pages.go)
	boot         time.Time // from which processes' starts count

	processLinks, threadLinks uint32 // to the directory of one

	byID  map[uint64]*task // of which the kernel knows nodes
	byPID tasks            // the processes
	last  uint64           // id
	lists uint64           // of processes or threads, that have been begun
}

// A binding is a content that a STORE gives the kernel. A READ that is answered with
// another meanwhile would leave it with parts of both.
type binding struct {
	content []byte
	offset  uint64
	until   time.Time // as of a page
}

// file is what the kernel has of a hot file.
type file struct {
	refs uint64
	// size is that of what the kernel has been given last, or is about to be.
	size uint64
	// known is how much of it the kernel lets readers see, or less (grow.go).
	known uint64
	// told is when it was last told attributes, or to forget them, and refused when a
	// READ was; awaited is closed when that has come again, nil if none is (refuse.go).
	told, refused time.Time
	awaited       chan struct{}
	// bound is what it is being given: what READs are answered with meanwhile.
	bound *binding
	// cached: it has a page of this content's size, the given'th that it was given.
	cached bool
	given  uint32
	// content is that of the window that the process was last seen in.
	content []byte
}

func newTable(n native) (table, error) {
	t := table{index: map[string]uint64{}, byID: map[uint64]*task{}, byPID: tasks{}}
	err := n.list(n.fd, ".", 4096, func(e entry) bool {
		if _, is := parsePID(e.name); is {
			return false
		}
		if e.mode != unix.S_IFLNK {
			t.placeholders = append(t.placeholders, e.name)
			if e.mode == unix.S_IFREG {
				t.anchor = e.name
			}
		}
		return true
	})
	if err != nil {
		return t, err
	}
	var uptime unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &uptime); err != nil {
		return t, err
	}
	t.boot = time.Now().Add(-time.Duration(uptime.Nano()))
	for dir, links := range map[string]*uint32{"self/.": &t.processLinks, "thread-self/.": &t.threadLinks} {
		var st unix.Stat_t
		if err := unix.Fstatat(n.fd, dir, &st, 0); err != nil {
			return t, err
		}
		*links = uint32(st.Nlink)
	}
	return t, nil
}

// name returns the index of a name. There are as many as a kernel has files in /proc.
func (t *table) name(name string) uint64 {
	i, known := t.index[name]
	if !known {
		i = firstName + uint64(len(t.names))
		t.names = append(t.names, name)
		t.index[name] = i
	}
	return i
}

func hotFile(index uint64) (File, bool) {
	return File(index - firstHot), index >= firstHot && index < firstHot+uint64(NumHot)
}
