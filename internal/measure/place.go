// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
)

// A Place is a thread in a mount namespace of its own, where programs find a
// directory of our choice as their /proc.
type Place struct{ work chan func() }

// NewPlace binds a directory over /proc; "" leaves the machine's own there.
func NewPlace(proc string) (*Place, error) {
	p := &Place{work: make(chan func())}
	entered := make(chan error)
	go thread.Do(func() error {
		entered <- enter(proc)
		for f := range p.work {
			f()
		}
		return nil
	})
	if err := <-entered; err != nil {
		p.Close()
		return nil, fmt.Errorf("a mount namespace with %q as /proc: %w", proc, err)
	}
	return p, nil
}

func enter(proc string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return err
	}
	// The namespace has copies of all mounts, and those of iterfs would outlive
	// their unmounting.
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) { return m.FSType != "fuse.iterfs", false })
	if err != nil {
		return err
	}
	if proc != "" {
		if err := unix.Mount(proc, "/proc", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return err
		}
	}
	for _, m := range mounts {
		// One that lay on another has gone with it.
		if err := unix.Unmount(m.Mountpoint, unix.MNT_DETACH); err != nil && err != unix.EINVAL && err != unix.ENOENT {
			return err
		}
	}
	return nil
}

// Do runs f on the thread.
func (p *Place) Do(f func() error) error {
	done := make(chan error)
	p.work <- func() { done <- f() }
	return <-done
}

// Close ends the thread.
func (p *Place) Close() { close(p.work) }

// Programs runs so many processes of a program at once, with what they print thrown
// away; an exit status of 1, that of a search without success, is none of ours.
func (p *Place) Programs(processes int, name string, args ...string) func() error {
	return func() error {
		return p.Do(func() error {
			var failed []error
			cmds := make([]*exec.Cmd, processes)
			for i := range cmds {
				cmds[i] = exec.Command(name, args...)
				failed = append(failed, cmds[i].Start())
			}
			for _, cmd := range cmds {
				if cmd.Process == nil {
					continue
				}
				if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 && err != nil {
					failed = append(failed, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err))
				}
			}
			return errors.Join(failed...)
		})
	}
}
