// SPDX-License-Identifier: Apache-2.0

// Command init is the first process of a virtual machine of the kernel matrix:
// it makes the guest usable, runs the test binaries one after another and powers
// off. What it has to say goes between their output to the second serial line;
// the first is the kernel's.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/vm/protocol"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "init: only for virtual machines, see the command tests/vm")
		os.Exit(2)
	}
	if err := serve(); err != nil {
		// To the console, which the runner shows when it misses the end.
		fmt.Println("init:", err)
	}
	unix.Sync()
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	fmt.Println("init: power off:", err) // and then the kernel panics: init ended
}

func serve() error {
	problems := mountAll()
	line, err := openSerial("/dev/ttyS1")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(protocol.ConfigFile)
	if err != nil {
		return err
	}
	var config protocol.Config
	if err := json.Unmarshal(text, &config); err != nil {
		return err
	}
	problems = append(problems, setUp()...)
	release, err := kernelRelease()
	if err != nil {
		return err
	}
	say(line, protocol.Message{Event: protocol.Begin, Release: release})
	for _, err := range problems {
		say(line, protocol.Message{Event: protocol.Note, Text: err.Error()})
	}
	say(line, protocol.Message{Event: protocol.Doctor, Text: doctor()})
	for _, importPath := range config.Packages {
		say(line, protocol.Message{Event: protocol.Start, Package: importPath})
		begin := time.Now()
		status, err := runTests(line, importPath, config, release)
		if err != nil {
			fmt.Fprintln(line, "init:", err)
		}
		say(line, protocol.Message{Event: protocol.Finish, Package: importPath, Status: status, Took: time.Since(begin)})
	}
	say(line, protocol.Message{Event: protocol.End})
	return unix.IoctlSetInt(int(line.Fd()), unix.TCSBRK, 1) // until all is sent
}

// doctor returns what iterfs tells of this kernel; a failure of it is a line too.
func doctor() string {
	out, _ := exec.Command(protocol.Iterfs, "doctor").CombinedOutput()
	return string(out)
}

func say(w io.Writer, m protocol.Message) { io.WriteString(w, m.Line()) }

// openSerial opens a line that passes on bytes as they are.
func openSerial(name string) (*os.File, error) {
	line, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	settings, err := unix.IoctlGetTermios(int(line.Fd()), unix.TCGETS)
	if err != nil {
		return nil, err
	}
	settings.Oflag &^= unix.OPOST
	return line, unix.IoctlSetTermios(int(line.Fd()), unix.TCSETS, settings)
}

// runTests runs a test binary to its end and returns its exit status.
func runTests(line *os.File, importPath string, config protocol.Config, release string) (status int, err error) {
	up, err := uptime()
	if err != nil {
		return 1, err
	}
	left := config.Limit - up
	if left < time.Second {
		return 1, errors.New("not run: the time of this machine is up, see the runner's -timeout")
	}
	cmd := exec.Command(protocol.Binary(importPath), append(config.Args, "-test.timeout="+left.String())...)
	cmd.Dir = protocol.Dir(importPath)
	cmd.Env = []string{
		"PATH=/usr/bin:/bin", "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "LANG=C.UTF-8",
		"ITERFS_BIN=" + protocol.Iterfs, "ITERFS_VM=" + release,
	}
	cmd.Stdout, cmd.Stderr = line, line
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	return reap(cmd.Process.Pid)
}

// reap waits for a child. Until then it takes the orphans that the kernel gives
// to the first process, as they would stay zombies and tests would see them.
func reap(child int) (status int, err error) {
	for {
		var wait unix.WaitStatus
		pid, err := unix.Wait4(-1, &wait, 0, nil)
		switch {
		case err == unix.EINTR || err == nil && pid != child:
		case err != nil:
			return 1, fmt.Errorf("wait: %w", err)
		case wait.Signaled():
			return 128 + int(wait.Signal()), fmt.Errorf("killed by signal %d (%v)", wait.Signal(), syscall.Signal(wait.Signal()))
		default:
			return wait.ExitStatus(), nil
		}
	}
}

func uptime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0, err
	}
	seconds, _, _ := strings.Cut(string(text), " ")
	s, err := strconv.ParseFloat(seconds, 64)
	return time.Duration(s * float64(time.Second)), err
}
