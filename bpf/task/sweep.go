// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"slices"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

// The files of a sweep, enum swept_file of sweep.h.
const (
	Stat = iota
	Status
	Statm
	Cmdline
	NumSwept
)

// A Process is what a sweep tells of one.
type Process struct {
	PID      uint32
	Start    uint64 // in ns after boot
	UID, GID uint32 // who owns its directory
	// Files are contents, as /proc/<pid> has them; nil of a file that was not asked
	// for, and where the real one has to be read.
	Files [NumSwept][]byte
}

// A Sweep visits every process once, in one run of an iterator.
type Sweep struct {
	// Reader is who sees them.
	Reader bpf.Identify
	// Files are those that are asked for: 1<<Stat and so on.
	Files uint32
	// Running are threads that wait for nothing but the sweep, and are shown as
	// running.
	Running []uint32

	process Process
	texts   [NumSwept][]byte // of its files
}

// Run visits the processes in the order of their numbers. What is told of one is
// valid during the visit.
func (s *Sweep) Run(ctx context.Context, system bpf.System, visit func(*Process)) error {
	for i := range s.texts {
		s.texts[i] = make([]byte, 0, bpf.RowRoom) // not nil, which says that a content is not known
	}
	params := bpf.Params{Reader: s.Reader, Args: asArgs(&taskTaskArgs{Files: s.Files})}
	return each(ctx, system, &Target, "sweep_records", params, func(e entry[taskIdRecord]) bool {
		s.render(e)
		visit(&s.process)
		return true
	})
}

// render makes the contents of the files that a record brings.
func (s *Sweep) render(e entry[taskIdRecord]) {
	key := e.key()
	s.process = Process{PID: key.Tgid, Start: key.Start, UID: e.rec.Euid, GID: e.rec.Egid}
	running := slices.Contains(s.Running, key.Tid)
	for items := e.items; len(items) > 0; {
		it := (*taskItem)(unsafe.Pointer(unsafe.SliceData(items)))
		items = items[it.Size:]
		switch it.Kind {
		case itemStat:
			r := (*taskStatRecord)(unsafe.Pointer(it))
			if running {
				r.Task.State, r.Task.Wchan = 0, 0
			}
			swept(s, Stat, appendStatOfMount, entry[taskStatRecord]{r, e.kthread, nil})
		case itemStatus:
			r := (*taskStatusRecord)(unsafe.Pointer(it))
			if running {
				r.Task.State = 0
			}
			swept(s, Status, appendStatus, entry[taskStatusRecord]{r, e.kthread, e.items})
			swept(s, Statm, appendStatmOfStatus, entry[taskStatusRecord]{rec: r})
		case itemStatm:
			swept(s, Statm, appendStatm, entry[taskStatmRecord]{rec: (*taskStatmRecord)(unsafe.Pointer(it))})
		case itemCmdline:
			swept(s, Cmdline, appendCmdline, entry[taskCmdlineRecord]{(*taskCmdlineRecord)(unsafe.Pointer(it)), nil, items})
		}
	}
}

// appendStatOfMount is for who mounts, in the daemon's time namespace.
func appendStatOfMount(dst []byte, e entry[taskStatRecord]) ([]byte, bool) {
	return appendStat(dst, e, native.BootOffset())
}

// swept makes the content of a file, if that is asked for.
func swept[T any](s *Sweep, file int, render rendering[T], e entry[T]) {
	if s.Files>>file&1 == 0 {
		return
	}
	text, known := render(s.texts[file][:0], e)
	if s.texts[file] = text; known {
		s.process.Files[file] = text
	}
}
