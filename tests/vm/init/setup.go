// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/vm/protocol"
)

const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// mounts are those of a usual system.
var mounts = []struct {
	kind, dir string
	flags     uintptr
	options   string
}{
	{"proc", "/proc", safe, ""},
	{"sysfs", "/sys", safe, ""},
	{"devtmpfs", "/dev", unix.MS_NOSUID, "mode=755"},
	{"devpts", "/dev/pts", unix.MS_NOSUID | unix.MS_NOEXEC, "gid=5,mode=620,ptmxmode=666"},
	{"tmpfs", "/dev/shm", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
	{"tmpfs", "/run", unix.MS_NOSUID | unix.MS_NODEV, "mode=755"},
	{"tmpfs", "/tmp", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
	{"bpf", "/sys/fs/bpf", safe, "mode=700"},
	{"cgroup2", "/sys/fs/cgroup", safe, ""},
	{"tracefs", "/sys/kernel/tracing", safe, ""},
}

// mountAll goes on without what an old kernel lacks.
func mountAll() (problems []error) {
	for _, m := range mounts {
		os.MkdirAll(m.dir, 0o755) // where it fails the mount tells
		if err := unix.Mount(m.kind, m.dir, m.kind, m.flags, m.options); err != nil && err != unix.EBUSY {
			problems = append(problems, fmt.Errorf("mount %s: %w", m.dir, err))
		}
	}
	return problems
}

// setUp does what distributions do before a user comes.
func setUp() (problems []error) {
	problems = append(problems, loadModules()...)
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"links in /dev", linkDev},
		{"interface lo", loUp},
		{"cgroup controllers", enableControllers},
		{"limit of open files", func() error {
			return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1024, Max: 524288})
		}},
		{"host name", func() error { return unix.Sethostname([]byte("iterfs-vm")) }},
	} {
		if err := step.do(); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", step.name, err))
		}
	}
	return problems
}

func loadModules() (problems []error) {
	files, _ := filepath.Glob(protocol.ModulesDir + "/*.ko") // in order; the pattern is right
	for _, name := range files {
		if err := loadModule(name); err != nil && err != unix.EEXIST {
			problems = append(problems, fmt.Errorf("load %s: %w", name, err))
		}
	}
	return problems
}

func loadModule(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	options := ""
	if strings.HasSuffix(name, "dummy.ko") {
		options = "numdummies=0" // it makes an interface otherwise
	}
	return unix.FinitModule(int(file.Fd()), options, 0)
}

func linkDev() error {
	for link, target := range map[string]string{"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		if err := os.Symlink("/proc/self/"+target, "/dev/"+link); err != nil {
			return err
		}
	}
	return nil
}

// loUp sets the flag IFF_UP of the interface lo.
func loUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}

// enableControllers makes memory.stat and the like appear in cgroups below the root.
func enableControllers() error {
	const root = "/sys/fs/cgroup/"
	available, err := os.ReadFile(root + "cgroup.controllers")
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(available)) {
		if err := os.WriteFile(root+"cgroup.subtree_control", []byte("+"+controller), 0); err != nil {
			return fmt.Errorf("%s: %w", controller, err)
		}
	}
	return nil
}

func kernelRelease() (string, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", err
	}
	return unix.ByteSliceToString(name.Release[:]), nil
}
