// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const qemu = "qemu-system-x86_64"

// tools are the programs that this one runs, with their Debian packages.
var tools = []struct{ name, debianPackage string }{
	{"go", "golang-go"},
	{qemu, "qemu-system-x86"},
	{"busybox", "busybox-static"},
	{"apt-get", "apt"},
	{"apt-cache", "apt"},
	{"dpkg-deb", "dpkg"},
	{"xz", "xz-utils"},
}

// checkTools tells of all that is missing at once.
func checkTools() error {
	var programs, packages []string
	for _, t := range tools {
		if _, err := exec.LookPath(t.name); err != nil {
			programs, packages = append(programs, t.name), append(packages, t.debianPackage)
		}
	}
	if len(programs) > 0 {
		return fmt.Errorf("no %s: install the Debian packages %s", strings.Join(programs, ", "), strings.Join(packages, " "))
	}
	return nil
}

// command is a program that ends with the context, or with this process should
// that be killed.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 5 * time.Second // for children that keep the output open
	return cmd
}

// output runs a program in dir and returns what it prints; what it says about a
// failure is in the error.
func output(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := command(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return "", fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), err
}
