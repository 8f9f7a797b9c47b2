// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
)

// A NetNS is a network namespace of the test's own, with its loopback up.
type NetNS struct{ file *os.File }

// NewNetNS makes one that goes with the test.
func NewNetNS(t testing.TB) *NetNS {
	t.Helper()
	ns := &NetNS{}
	err := thread.Do(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		if ns.file, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.file.Close() })
	return ns
}

// Inode is the number of the namespace.
func (ns *NetNS) Inode() string {
	var st unix.Stat_t
	if err := unix.Fstat(int(ns.file.Fd()), &st); err != nil {
		panic(err) // cannot be: the file is open
	}
	return strconv.FormatUint(st.Ino, 10)
}

// Do runs f on a thread of its own in the namespace.
func (ns *NetNS) Do(f func() error) error {
	return thread.Do(func() error {
		if err := unix.Setns(int(ns.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		return f()
	})
}

// Output runs a program in the namespace and returns what it prints.
func (ns *NetNS) Output(name string, args ...string) (out []byte, err error) {
	err = ns.Do(func() error {
		out, err = exec.Command(name, args...).Output()
		return err
	})
	return out, err
}
