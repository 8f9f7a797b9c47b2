// SPDX-License-Identifier: Apache-2.0

package native

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNative(t *testing.T) {
	if own, err := ReadFile("self/comm"); err != nil || !bytes.HasPrefix(own, []byte("native.test")) {
		t.Errorf("self/comm is %q, %v", own, err)
	}
	want, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if link, err := Readlink("thread-self/ns/net"); link != want || err != nil {
		t.Errorf("thread-self/ns/net is %q, %v; want %q", link, err, want)
	}
	followed, err := Stat("self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.Stat("/proc/self/ns/net"); err != nil || !os.SameFile(followed, want) {
		t.Errorf("self/ns/net is not followed: %v", err)
	}
	if _, err := Open("no"); !os.IsNotExist(err) || err.Error() != "open /proc/no: no such file or directory" {
		t.Error(err)
	}
	if mounts, err := Mounts(nil); err != nil || len(mounts) == 0 {
		t.Errorf("%d mounts, %v", len(mounts), err)
	}
}

// A procfs that is mounted nowhere, as it is made where /proc is something else.
func TestMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes a procfs")
	}
	fd, err := Mount(map[string]string{"hidepid": "2"})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	text := make([]byte, 64)
	self, err := unix.Openat(fd, "self/comm", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(self)
	if n, err := unix.Read(self, text); err != nil || !bytes.HasPrefix(text[:n], []byte("native.test")) {
		t.Errorf("self/comm is %q, %v", text[:n], err)
	}
	if _, err := Mount(map[string]string{"hidepid": "many"}); err == nil {
		t.Error("a wrong option is taken")
	}
}
