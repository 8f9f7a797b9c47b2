// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/native"
)

// Order is the order in which iter/cgroup walks, enum bpf_cgroup_iter_order.
type Order uint32

// The orders; zero leaves it to the kernel, which then refuses.
const (
	Self Order = 1 + iota
	Descendants
	DescendantsPost
	Ancestors
)

// Params narrow what an iterator visits, and tell its program what the kernel
// has no parameter for. The zero value visits everything.
type Params struct {
	// Of the next three groups at most one applies, by the target.

	// TID is one task, PID all threads of a process, PIDFD likewise by a pidfd.
	// A kernel that cannot narrow by them (before 6.1) visits every task.
	TID, PID uint32
	PIDFD    *os.File

	// Map is the map whose elements are visited.
	Map MapFD

	// Cgroup is a directory of a cgroup hierarchy, CgroupID one of the v2
	// hierarchy by its number; Order says where to go from there.
	Cgroup   *os.File
	CgroupID uint64
	Order    Order

	// NetNS is the network namespace whose sockets or routes are visited; nil for
	// that of the daemon.
	NetNS *os.File

	// Root is where the paths that a program shows begin; nil for the daemon's root
	// directory. It is valid until the run is closed.
	Root *native.RootDir

	// Consts are values of the object's constants (const volatile in C), which are
	// fixed when it is loaded: the program is loaded for each set of values, and
	// few of them are kept.
	Consts map[string]any

	// Args is the value of the object's map "args" for this run, as args_of_run()
	// of iter.h gives it to the program, where it has that map; nil for zeros.
	Args []byte

	// Reader says who reads, to a program that asks for it by reader_of_run() of
	// reader.h. Such a program does not run without.
	Reader Identify
	// EachRead asks for the Reader again at each read: who reads then decides.
	EachRead bool

	// Collect is a map of the object that the run's program fills; "" for none.
	// The run's records are a Collector then, which gives it.
	Collect string
}

// KeepNetNS makes the namespace last beyond the open of the file. Whoever calls it
// closes NetNS, which can be done to nil too.
func (p *Params) KeepNetNS() error {
	ns, err := Dup(p.NetNS)
	if err == nil {
		p.NetNS = ns
	}
	return err
}

// Dup duplicates a file; nil is nil.
func Dup(f *os.File) (*os.File, error) {
	if f == nil {
		return nil, nil
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// MapFD is what *ebpf.Map has of use here.
type MapFD interface{ FD() int }
