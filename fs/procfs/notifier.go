// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
)

// A notifier writes notices that wait for what the kernel has locked while a request
// is being answered. Were this process killed then, the thread that waits could not
// end; nor could the others' device be closed, which ends the request, if it were
// open in this thread too. So the thread has a table of files of its own, with a
// device of its own.
type notifier struct {
	device
	jobs chan func(*notifier)
}

// newNotifier starts one. It ends when jobs is closed.
func (m *Mount) newNotifier() (*notifier, error) {
	clone, err := cloneDevice(m.dev)
	if err != nil {
		return nil, fmt.Errorf("open /dev/fuse again: %w", err)
	}
	n := &notifier{device(clone), make(chan func(*notifier), 64)}
	ready := make(chan error)
	m.notifiers.Add(1)
	go thread.Do(func() error {
		defer m.notifiers.Done()
		err := unix.Unshare(unix.CLONE_FILES)
		if err == nil {
			err = m.native.closeOthers(clone)
		}
		ready <- err
		for job := range n.jobs {
			job(n)
		}
		return nil
	})
	err = <-ready
	unix.Close(clone) // here: the thread has it
	if err != nil {
		close(n.jobs)
		return nil, fmt.Errorf("make a table of files for a thread: %w", err)
	}
	return n, nil
}

// do runs a job and waits for it.
func (n *notifier) do(job func(*notifier)) {
	done := make(chan struct{})
	n.jobs <- func(n *notifier) {
		defer close(done)
		job(n)
	}
	<-done
}

// cloneDevice opens another device of a connection: FUSE_DEV_IOC_CLONE.
func cloneDevice(device int) (int, error) {
	clone, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	const cloneRequest = 0x8004e500
	from := uint32(device)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(clone), cloneRequest, uintptr(unsafe.Pointer(&from))); errno != 0 {
		unix.Close(clone)
		return -1, errno
	}
	return clone, nil
}

// closeOthers closes this thread's files but one, the standard ones, and those by
// which Go's runtime waits for events, which it may do on any thread.
func (n native) closeOthers(keep int) error {
	var open []string
	err := n.list(n.fd, "thread-self/fd", 4096, func(e entry) bool {
		open = append(open, e.name)
		return true
	})
	for _, name := range open {
		fd, _ := strconv.Atoi(name)
		to, err := n.readlink(n.fd, "thread-self/fd/"+name)
		if fd > 2 && fd != keep && fd != n.fd && err == nil && !strings.HasPrefix(string(to), "anon_inode:[event") {
			unix.Close(fd)
		}
	}
	unix.Close(n.fd)
	return err
}
