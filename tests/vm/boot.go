// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// bootLimit is how long the guest may take to begin: some 5 s on an idle host.
const bootLimit = 2 * time.Minute

// A machine is how to run a kernel with a root.
type machine struct {
	kernel  *kernel
	root    []byte // archives for the first root
	memory  int    // MiB
	timeout time.Duration
	say     func(format string, args ...any)
}

// run boots and returns what the guest said, and why that is not all, if it is not.
// A boot that never got as far as to begin is tried once more: emulation has
// faults of its own. Nothing is repeated once a test ran.
func (m *machine) run(ctx context.Context) (*session, error) {
	s, err := m.boot(ctx)
	if err != nil && !s.begun && ctx.Err() == nil {
		m.say("did not come up, trying once more: %v", err)
		s, err = m.boot(ctx)
	}
	return s, err
}

func (m *machine) boot(ctx context.Context) (s *session, err error) {
	s = &session{say: m.say}
	dir, err := os.MkdirTemp("", "iterfs-vm-")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(dir)
	initrd, console := filepath.Join(dir, "initrd"), filepath.Join(dir, "console")
	if err := os.WriteFile(initrd, m.root, 0o600); err != nil {
		return s, err
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer time.AfterFunc(m.timeout, func() { cancel(fmt.Errorf("not done after %v", m.timeout)) }).Stop()
	slow := time.AfterFunc(bootLimit, func() { cancel(fmt.Errorf("not up after %v", bootLimit)) })
	defer slow.Stop()
	s.onBegin = func() { slow.Stop() }

	cmd := command(ctx, qemu, m.arguments(initrd, console)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return s, err
	}
	if err := cmd.Start(); err != nil {
		return s, err
	}
	readErr := s.read(stdout)
	waitErr := cmd.Wait()

	// A panic of the guest powers off as an end does, with exit status 0: only
	// the guest's last message tells that all is done.
	var reasons []string
	switch {
	case s.ended:
		return s, nil
	case ctx.Err() != nil:
		reasons = append(reasons, context.Cause(ctx).Error())
	case waitErr != nil:
		reasons = append(reasons, qemu+": "+waitErr.Error())
	case readErr != nil:
		reasons = append(reasons, readErr.Error())
	default:
		reasons = append(reasons, "the machine went off before the tests were done")
	}
	if stderr.Len() > 0 {
		reasons = append(reasons, strings.TrimSpace(stderr.String()))
	}
	if text, err := os.ReadFile(console); err == nil && len(bytes.TrimSpace(text)) > 0 {
		reasons = append(reasons, "the kernel said last:\n"+lastLines(string(text), 60))
	}
	return s, errors.New(strings.Join(reasons, "\n"))
}

// arguments are those of a machine of two CPUs. The kernel's messages go to one
// serial line, what init and the tests write to another.
func (m *machine) arguments(initrd, console string) []string {
	return []string{
		// Always emulation, and by name: the same everywhere, and cloud machines
		// have a /dev/kvm under which these kernels hang. In one thread: with more,
		// a CPU can run code that another has just patched (Oops: int3).
		"-accel", "tcg,thread=single",
		// QEMU 7.2 returns wrong flags from an emulated cmpxchg16b.
		"-cpu", "max,-cx16",
		"-machine", "q35", "-smp", "2", "-m", strconv.Itoa(m.memory),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-serial", "file:" + console, "-serial", "stdio",
		"-kernel", m.kernel.image, "-initrd", initrd,
		// no_timer_check: the check panics where the host is busy.
		"-append", "console=ttyS0 loglevel=4 panic=-1 oops=panic no_timer_check",
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\r", "")), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
