// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// Attach starts a run of a program that is no target's, over what the kernel calls
// target; errors call it by name. What cannot be narrowed as asked for is refused:
// nobody would leave out the other objects.
func (l *Loader) Attach(program *ebpf.Program, target, name string, p bpf.Params) (*Stream, error) {
	s := &Stream{name: name, root: p.Root}
	err := l.narrow(target, &p)
	if err == nil {
		err = inNetNS(p.NetNS, func() (err error) {
			s.link, s.iter, err = attach(program.FD(), &p)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// OpenPinned starts a run of an iterator that is pinned in a BPF filesystem, of whose
// parameters the reader's network namespace and root directory are heeded. Links on the
// way there are not followed.
func OpenPinned(path string, p bpf.Params) (*Stream, error) {
	s := &Stream{name: path, link: -1, root: p.Root}
	err := inNetNS(p.NetNS, func() (err error) {
		s.iter, err = unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return s, nil
}

// Pin attaches a program as Attach does and pins the link in a BPF
// filesystem, where it stays.
func (l *Loader) Pin(program *ebpf.Program, target string, p bpf.Params, path string) error {
	if err := l.narrow(target, &p); err != nil {
		return err
	}
	fd, err := createLink(program.FD(), &p)
	if err != nil {
		return err
	}
	attached, err := link.NewFromFD(fd)
	if err != nil {
		return err
	}
	defer attached.Close()
	return attached.Pin(path)
}

// narrow refuses parameters that this kernel would not heed. Of a process whose
// threads would have the files they share visited again, it leaves the first thread.
func (l *Loader) narrow(target string, p *bpf.Params) error {
	if p.TID == 0 && p.PID == 0 && p.PIDFD == nil {
		return nil
	}
	ok, err := l.taskByTID()
	if err == nil && !ok {
		err = fmt.Errorf("this kernel cannot iterate over a single process (it came with Linux 6.1): %w", errors.ErrUnsupported)
	}
	if err != nil || p.PID == 0 || target != "task_file" {
		return err
	}
	if ok, err = l.sharedOnce(); err == nil && !ok {
		p.TID, p.PID = p.PID, 0
	}
	return err
}
