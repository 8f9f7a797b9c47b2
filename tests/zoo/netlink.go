// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"fmt"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Netlink makes netlink sockets of several protocols: unbound, bound, connected,
// in groups, with messages that nobody reads, and with a dump under way.
func (ns *NetNS) Netlink(t testing.TB) {
	t.Helper()
	err := ns.Do(func() error {
		for _, protocol := range []int{unix.NETLINK_ROUTE, unix.NETLINK_SOCK_DIAG, unix.NETLINK_KOBJECT_UEVENT, unix.NETLINK_GENERIC} {
			if err := netlinkKinds(t, protocol); err != nil {
				return fmt.Errorf("netlink protocol %d: %w", protocol, err)
			}
		}
		if err := unreadMessages(); err != nil {
			return err
		}
		return dumping(t)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func netlinkKinds(t testing.TB, protocol int) error {
	if _, err := held(t, unix.AF_NETLINK, unix.SOCK_RAW, protocol); err != nil {
		return err
	}
	for _, address := range []*unix.SockaddrNetlink{{}, {Pid: 77_000 + uint32(protocol), Groups: 1}} {
		fd, err := held(t, unix.AF_NETLINK, unix.SOCK_DGRAM, protocol)
		if err != nil {
			return err
		}
		address.Family = unix.AF_NETLINK
		if err := unix.Bind(fd, address); err != nil {
			return err
		}
		if err := unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
	}
	return nil
}

// unreadMessages adds addresses, of which those in the group are told.
func unreadMessages() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	for i := range 100 {
		if err := netlink.AddrAdd(lo, &netlink.Addr{IPNet: prefix(fmt.Sprintf("127.2.0.%d/32", i))}); err != nil {
			return err
		}
	}
	return netlink.LinkSetMTU(lo, 60_000)
}

// dumping asks for all addresses, which are more than one message holds, and reads
// nothing.
func dumping(t testing.TB) error {
	fd, err := held(t, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	request := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	request.AddData(nl.NewIfInfomsg(unix.AF_INET))
	return unix.Sendto(fd, request.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}
