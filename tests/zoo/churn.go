// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"testing"

	"golang.org/x/sys/unix"
)

// someSocket makes one of several kinds of socket, each in a table of the kernel.
func someSocket(i int) (int, error) {
	families := [...]struct {
		family, kind int
		address      unix.Sockaddr
	}{
		{unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}},
		{unix.AF_INET6, unix.SOCK_STREAM, &unix.SockaddrInet6{Addr: [16]byte{15: 1}}},
		{unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}},
		{unix.AF_INET6, unix.SOCK_DGRAM, &unix.SockaddrInet6{Addr: [16]byte{15: 1}}},
		{unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{}}, // a name that the kernel makes
		{unix.AF_UNIX, unix.SOCK_DGRAM, nil},
		{unix.AF_NETLINK, unix.SOCK_RAW, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}},
	}
	f := families[i%len(families)]
	fd, err := unix.Socket(f.family, f.kind|unix.SOCK_CLOEXEC, 0)
	if err == nil && f.address != nil {
		err = unix.Bind(fd, f.address)
	}
	if err == nil && f.kind == unix.SOCK_STREAM {
		err = unix.Listen(fd, 1)
	}
	return fd, err
}

// Population makes n sockets of several kinds that live until the test ends, and
// returns their inodes.
func (ns *NetNS) Population(t testing.TB, n int) (inodes []uint64) {
	t.Helper()
	err := ns.Do(func() error {
		for i := range n {
			fd, err := someSocket(i)
			if err != nil {
				return err
			}
			t.Cleanup(func() { unix.Close(fd) })
			var st unix.Stat_t
			if err := unix.Fstat(fd, &st); err != nil {
				return err
			}
			inodes = append(inodes, st.Ino)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return inodes
}

// Churn has sockets come and go, n at a time, until the test ends.
func (ns *NetNS) Churn(t testing.TB, n int) {
	t.Helper()
	var open []int
	i := 0
	ns.meanwhile(t, func() error {
		fd, err := someSocket(i)
		if err != nil {
			return err
		}
		i++
		if open = append(open, fd); len(open) > n {
			unix.Close(open[0])
			open = open[1:]
		}
		return nil
	}, func() { closeAll(open) })
}

// Flood makes n netlink sockets and closes them all, again and again.
func (ns *NetNS) Flood(t testing.TB, n int) {
	t.Helper()
	var open []int
	ns.meanwhile(t, func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if open = append(open, fd); len(open) == n {
			closeAll(open)
			open = open[:0]
		}
		return err
	}, func() { closeAll(open) })
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// meanwhile repeats a step in the namespace until the test ends.
func (ns *NetNS) meanwhile(t testing.TB, step func() error, end func()) {
	t.Helper()
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		stopped <- ns.Do(func() error {
			defer end()
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				if err := step(); err != nil {
					return err
				}
			}
		})
	}()
	t.Cleanup(func() {
		close(stop)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}
