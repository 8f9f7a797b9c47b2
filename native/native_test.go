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

func TestFields(t *testing.T) {
	const status = "Name:\ta\nTgid:\t7\nGroups:\t4 24 \nState:\tR"
	for name, want := range map[string]string{"Tgid": "7", "Groups": "4 24 "} {
		if got, found := StatusField([]byte(status), name); string(got) != want || !found {
			t.Errorf("%s is %q, %v", name, got, found)
		}
	}
	for _, name := range []string{"State", "Pid", "gid"} { // not whole, not there
		if got, found := StatusField([]byte(status), name); found {
			t.Errorf("%s is %q", name, got)
		}
	}
	const stat = "7 (a) (b) S 1 22 333"
	if got := StatField([]byte(stat), 3); string(got) != "S" {
		t.Errorf("field 3 is %q", got)
	}
	for number, want := range map[int]uint64{4: 1, 6: 333, 7: 0} {
		if got := StatNumber([]byte(stat), number); got != want {
			t.Errorf("field %d is %d", number, got)
		}
	}
}
