// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/task"
	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/native"
)

// procfses are those of the pid namespaces of readers who have not the daemon's: what is
// passed through has the numbers of the procfs that it is of. They are kept for a while.
type procfses struct {
	mu  sync.Mutex
	all map[uint64]*procfsOf // by the number of the namespace, which it keeps from ending
}

type procfsOf struct {
	root   int
	expiry *time.Timer
}

// keepProcfs is how long one is kept that nobody asks for.
const keepProcfs = 10 * time.Second

// open opens a directory by its path in the procfs of a pid namespace.
func (p *procfses) open(pidNS *os.File, path string) (int, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(pidNS.Fd()), &st); err != nil {
		return -1, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.all[st.Ino]
	if of == nil {
		root, err := native.MountFor(pidNS)
		if err != nil {
			return -1, fmt.Errorf("a procfs of the reader's pid namespace: %w", err)
		}
		of = &procfsOf{root: root}
		of.expiry = time.AfterFunc(keepProcfs, func() { p.drop(st.Ino, of) })
		if p.all == nil {
			p.all = map[uint64]*procfsOf{}
		}
		p.all[st.Ino] = of
	}
	of.expiry.Reset(keepProcfs)
	return unix.Openat(of.root, path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

func (p *procfses) drop(number uint64, of *procfsOf) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[number] == of {
		delete(p.all, number)
		unix.Close(of.root)
	}
}

// close lets all of them go.
func (p *procfses) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for number, of := range p.all {
		of.expiry.Stop()
		unix.Close(of.root)
		delete(p.all, number)
	}
}

// asNumbered takes over the directory of a process or thread and returns the same in the
// procfs of the caller's pid namespace, where that is not the daemon's.
func (s *system) asNumbered(r fs.Request, key bpf.Key, dir *os.File) (*os.File, error) {
	twin, err := s.openNumbered(r, key)
	if twin == nil && err == nil {
		return dir, nil
	}
	dir.Close()
	return twin, err
}

// openNumbered is asNumbered; nil where the directory will do.
func (s *system) openNumbered(r fs.Request, key bpf.Key) (*os.File, error) {
	if s.view.OfMount {
		return nil, nil
	}
	pidNS, err := procFile(r.TID, "ns/pid")
	if err == nil {
		pidNS, err = foreign(pidNS, ownPIDNS)
	}
	if pidNS == nil {
		return nil, err
	}
	defer pidNS.Close()
	var names []string
	for _, o := range r.Objects {
		names = append(names, o.Name)
	}
	fd, err := s.procfses.open(pidNS, strings.Join(names, "/task/"))
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil, nil // as the manual tells
	case err != nil:
		return nil, err
	case !task.BeganThen(fd, key): // the number is another's by now
		unix.Close(fd)
		return nil, unix.ENOENT
	}
	return os.NewFile(uintptr(fd), "task"), nil
}
