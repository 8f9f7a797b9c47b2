// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// serviceManager is a socket as systemd gives it to a service of Type=notify.
func serviceManager(t *testing.T) (socket string, told func() string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return socket, func() string {
		t.Helper()
		buf := make([]byte, 4096)
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

// The service manager hears when the tree can be used, and when it is taken away.
func TestService(t *testing.T) {
	need.Root(t)
	socket, told := serviceManager(t)
	dir := t.TempDir()
	daemon := exec.Command(binary, "mount", dir)
	daemon.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
	daemon.Stderr = os.Stderr
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer daemon.Process.Kill()
	if got := told(); got != "READY=1" {
		t.Errorf("first it is told %q", got)
	}
	if _, err := os.ReadFile(dir + "/status"); err != nil {
		t.Errorf("ready, and: %v", err)
	}
	daemon.Process.Signal(unix.SIGTERM)
	if got := told(); got != "STOPPING=1" {
		t.Errorf("at the end it is told %q", got)
	}
	if err := daemon.Wait(); err != nil {
		t.Error(err)
	}
}

// A daemon in the background is not the service that its starter may be.
func TestDaemonIsNoService(t *testing.T) {
	need.Root(t)
	socket, told := serviceManager(t)
	dir := t.TempDir()
	mount := exec.Command(binary, "mount", "--daemon", dir)
	mount.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
	if out, err := mount.CombinedOutput(); err != nil {
		t.Fatalf("%v, %s", err, out)
	}
	defer iterfs(t, "umount", dir)
	own, err := net.Dial("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	own.Write([]byte("nothing before"))
	if got := told(); got != "nothing before" {
		t.Errorf("the service manager is told %q", got)
	}
}

// The unit is one that systemd takes.
func TestUnit(t *testing.T) {
	analyze := need.Tool(t, "systemd-analyze", "systemd")
	unit := readFile(t, "../packaging/iterfs.service")
	installed := filepath.Join(t.TempDir(), "iterfs.service")
	if err := os.WriteFile(installed, []byte(strings.ReplaceAll(unit, "/usr/bin/iterfs", binary)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := output(t, exec.Command(analyze, "verify", "--man=no", installed)); status != 0 || out+errs != "" {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
}
