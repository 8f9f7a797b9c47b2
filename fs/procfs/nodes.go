// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A node id is its owner's number and an index. Owner 0 is the root, others are
// processes, and with callerOwner the threads that self leads to.
const (
	indexBits   = 16
	callerOwner = 1 << 40

	rootID     = 1 // as FUSE has it
	generation = 1 // of every node: no id is given twice

	// indices of the nodes of a process
	directory = 0
	firstHot  = 1
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
	linkCount    uint32    // of a process's directory
	anchor       string    // a placeholder (pages.go)
	boot         time.Time // from which processes' starts count

	byID  map[uint64]*process
	byPID map[uint32]*process
	last  uint64
}

// A process is one as the kernel has been told of it. It is the same while pid,
// start and owner are: another is another directory.
type process struct {
	id       uint64
	pid      uint32
	start    uint64 // in ticks
	uid, gid uint32
	listed   uint64        // the number of the last list it was in
	inode    atomic.Uint64 // of the native directory, when it was last seen

	refs  uint64 // look-ups of its nodes that the kernel has not forgotten
	files [NumHot]file
	links [len(textNames)]text

	window *window // that has visited it
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
	t := table{index: map[string]uint64{}, byID: map[uint64]*process{}, byPID: map[uint32]*process{}}
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
	var st unix.Stat_t
	err = unix.Fstatat(n.fd, "self/.", &st, 0)
	t.linkCount = uint32(st.Nlink)
	return t, err
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

// find returns the process of a pid, start and owner, which may be a new one.
func (t *table) find(pid uint32, start uint64, uid, gid uint32) *process {
	p := t.byPID[pid]
	if p == nil || p.start != start || p.uid != uid || p.gid != gid {
		t.last++
		p = &process{id: t.last, pid: pid, start: start, uid: uid, gid: gid}
		t.byID[p.id], t.byPID[pid] = p, p
	}
	return p
}

// ref counts a look-up of a node of a process.
func (p *process) ref(index uint64) {
	p.refs++
	if f, is := hotFile(index); is {
		p.files[f].refs++
	}
}

// forget takes look-ups back. Who has none is forgotten: he can be found again.
func (t *table) forget(id, lookups uint64) {
	owner, index := split(id)
	p := t.byID[owner]
	if p == nil {
		return
	}
	if f, is := hotFile(index); is {
		if p.files[f].refs -= lookups; p.files[f].refs == 0 {
			p.files[f] = file{}
		}
	}
	if p.refs -= lookups; p.refs == 0 {
		t.drop(p)
	}
}

func (t *table) drop(p *process) {
	delete(t.byID, p.id)
	if t.byPID[p.pid] == p {
		delete(t.byPID, p.pid)
	}
}

func hotFile(index uint64) (File, bool) {
	return File(index - firstHot), index >= firstHot && index < firstHot+uint64(NumHot)
}

// process returns whose node it is; nil for the root's.
func (m *Mount) process(id uint64) (*process, uint64) {
	owner, index := split(id)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.nodes.byID[owner], index
}

// open opens the native directory of a process; ESRCH when it has ended.
func (m *Mount) open(p *process) (dir int, st unix.Stat_t, err error) {
	dir, st, err = m.native.process(p.pid)
	if err != nil {
		return -1, st, unix.ESRCH
	}
	if p.inode.Load() != st.Ino {
		if start, err := m.native.start(dir); err != nil || start != p.start {
			unix.Close(dir)
			return -1, st, unix.ESRCH // the pid is another's by now
		}
		p.inode.Store(st.Ino)
	}
	return dir, st, nil
}

func (p *process) name() string { return strconv.FormatUint(uint64(p.pid), 10) }
