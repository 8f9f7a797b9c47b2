// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// UDP makes UDP sockets of every kind, several of them in one bucket of the
// kernel's table.
func (ns *NetNS) UDP(t testing.TB) {
	t.Helper()
	err := ns.Do(func() error {
		for kind, enter := range udpKinds {
			if err := enter(t); err != nil {
				return fmt.Errorf("UDP, %s: %w", kind, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var udpKinds = map[string]func(t testing.TB) error{
	"unbound": func(t testing.TB) error {
		_, err := held(t, unix.AF_INET, unix.SOCK_DGRAM, 0)
		return err
	},
	"same port": func(t testing.TB) error {
		for i := range byte(9) {
			// Neither the order of addresses nor that of inodes is that of the bucket.
			if _, err := udp4(t, 4000, i*7%9+1); err != nil {
				return err
			}
		}
		return nil
	},
	"same bucket": func(t testing.TB) error {
		for i := range 9 {
			if _, err := udp4(t, 5000+i*5%9*4096, 1); err != nil { // the table's size is a power of 2
				return err
			}
		}
		return nil
	},
	"shared port": func(t testing.TB) error {
		for _, address := range []unix.Sockaddr{&unix.SockaddrInet4{Port: 6000}, &unix.SockaddrInet6{Port: 6001}} {
			for range 5 {
				if _, err := udp(t, address); err != nil {
					return err
				}
			}
		}
		return nil
	},
	"connected": func(t testing.TB) error {
		server, err := udp4(t, 7000, 1)
		if err != nil {
			return err
		}
		client, err := udp4(t, 0, 2)
		if err != nil {
			return err
		}
		if err := unix.Connect(client, &unix.SockaddrInet4{Port: 7000, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(server, unix.SOL_SOCKET, unix.SO_RCVBUF, 5000); err != nil {
			return err
		}
		for range 20 { // more than it has room for
			if _, err := unix.Write(client, make([]byte, 700)); err != nil {
				return err
			}
		}
		return unix.Fchown(client, 1000, -1)
	},
	"IPv6": func(t testing.TB) error {
		server, err := udp(t, &unix.SockaddrInet6{Port: 8000, Addr: [16]byte{15: 1}})
		if err != nil {
			return err
		}
		client, err := held(t, unix.AF_INET6, unix.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		if err := unix.Connect(client, &unix.SockaddrInet6{Port: 8000, Addr: [16]byte{15: 1}}); err != nil {
			return err
		}
		if _, err := unix.Write(client, make([]byte, 100)); err != nil {
			return err
		}
		return unix.BindToDevice(server, "lo")
	},
	"IPv6 alone": func(t testing.TB) error {
		fd, err := held(t, unix.AF_INET6, unix.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrInet6{Port: 9000})
	},
	"UDP-Lite": func(t testing.TB) error {
		fd, err := held(t, unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE)
		if err != nil {
			t.Logf("no UDP-Lite: %v", err) // it is gone from the newest kernels
			return nil
		}
		return unix.Bind(fd, &unix.SockaddrInet4{Port: 4000})
	},
}

func udp4(t testing.TB, port int, address byte) (int, error) {
	return udp(t, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, address}})
}

// udp makes a socket with an address that it shares.
func udp(t testing.TB, address unix.Sockaddr) (int, error) {
	family := unix.AF_INET
	if _, ok := address.(*unix.SockaddrInet6); ok {
		family = unix.AF_INET6
	}
	fd, err := held(t, family, unix.SOCK_DGRAM, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return -1, err
	}
	return fd, unix.Bind(fd, address)
}
