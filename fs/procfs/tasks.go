// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A task is a process or a thread as the kernel has been told of it. It is the same
// while number, start and owner are: another is another directory.
type task struct {
	id       uint64
	process  *process // that it is, or is a thread of
	pid      uint32   // of a thread its own number
	start    uint64   // in ticks
	uid, gid uint32
	listed   uint64        // the number of the last list it was in, or was looked up after
	inode    atomic.Uint64 // of the native directory, when it was last seen

	refs  uint64 // look-ups of its nodes that the kernel has not forgotten
	links [len(textNames)]text
}

// tasks are those that one directory has, by number.
type tasks map[uint32]*task

// A process is also what its threads have in common, and the files that sweeps make.
type process struct {
	task
	threads      tasks         // that have been looked for
	threadsInode atomic.Uint64 // of their native directory, when it was last seen
	threadsSeen  seen
	mixed        bool // the kernel may keep another list of them than of one
	files        [NumHot]file
	window       *window // that has visited it
}

func (k *task) isThread() bool { return k != &k.process.task }

// leads reports whether it is the thread that its process is known by.
func (k *task) leads() bool { return k.isThread() && k.pid == k.process.pid }

func (k *task) name() string { return strconv.FormatUint(uint64(k.pid), 10) }

// path is that of the directory.
func (k *task) path() string {
	if k.isThread() {
		return k.process.name() + "/task/" + k.name()
	}
	return k.name()
}

// nextList returns the number of a list that is to be made.
func (m *Mount) nextList() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes.lists++
	return m.nodes.lists
}

// task returns whose node it is; nil for the root's.
func (m *Mount) task(id uint64) (*task, uint64) {
	owner, index := split(id)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.nodes.byID[owner], index
}

// process returns the process whose node it is, or a thread's of which.
func (m *Mount) process(id uint64) (*process, uint64) {
	k, index := m.task(id)
	if k == nil {
		return nil, index
	}
	return k.process, index
}

// open opens the native directory of a process or thread; ESRCH when it has ended.
func (m *Mount) open(k *task) (dir int, st unix.Stat_t, err error) {
	return m.openOf(k, k.path(), unix.O_PATH, "stat", &k.inode)
}

// openThreads opens that of a process's threads, to list it; ESRCH when it has ended.
func (m *Mount) openThreads(p *process) (dir int, st unix.Stat_t, err error) {
	return m.openOf(&p.task, p.name()+"/task", unix.O_RDONLY, "../stat", &p.threadsInode)
}

// openOf opens a directory of a task: the one that was seen last, or, as a file stat
// tells, one of a task that began when it did.
func (m *Mount) openOf(k *task, path string, flags int, stat string, seen *atomic.Uint64) (dir int, st unix.Stat_t, err error) {
	dir, st, err = m.native.directory(path, flags)
	if err != nil {
		return -1, st, unix.ESRCH
	}
	if seen.Load() != st.Ino {
		if start, err := m.native.start(dir, stat); err != nil || start != k.start {
			unix.Close(dir)
			return -1, st, unix.ESRCH // the number is another's by now
		}
		seen.Store(st.Ino)
	}
	return dir, st, nil
}

// look returns the attributes of the native directory of a process or thread; ESRCH
// when it has ended.
func (m *Mount) look(k *task) (st unix.Stat_t, err error) {
	err = unix.Fstatat(m.native.fd, k.path(), &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && st.Ino == k.inode.Load() {
		return st, nil
	}
	dir, st, err := m.open(k)
	if err == nil {
		unix.Close(dir)
	}
	return st, err
}

// current returns the task whose directory has a name below dir now: a thread of a
// process, or with nil a process.
func (m *Mount) current(of *process, dir int, name string) (*task, error) {
	pid, is := parsePID(name)
	if !is {
		return nil, unix.ENOENT
	}
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, unix.ENOENT
	}
	m.mu.Lock()
	k := m.nodes.among(of)[pid]
	m.mu.Unlock()
	if k == nil || k.inode.Load() != st.Ino || k.uid != st.Uid || k.gid != st.Gid {
		start, err := m.native.start(dir, name+"/stat")
		if err != nil {
			return nil, unix.ENOENT
		}
		m.mu.Lock()
		k = m.nodes.findAmong(of, pid, start, st.Uid, st.Gid)
		m.mu.Unlock()
		k.inode.Store(st.Ino)
	}
	return k, nil
}
