// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// TCP makes TCP sockets in every state in which the kernel shows them, of both
// families. They stay as they are: what would answer them does not get through.
func (ns *NetNS) TCP(t testing.TB) {
	t.Helper()
	err := ns.Do(func() error {
		for _, a := range []unix.Sockaddr{
			&unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}},
			&unix.SockaddrInet6{Addr: [16]byte{15: 1}},
		} {
			if err := tcpStates(t, a); err != nil {
				return err
			}
		}
		return mappedConnection(t)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func tcpStates(t testing.TB, address unix.Sockaddr) error {
	for state, enter := range tcpKinds {
		l, err := listen(t, address)
		if err == nil {
			err = enter(l)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", state, err)
		}
	}
	return nil
}

// held makes a socket that the test holds until it ends.
func held(t testing.TB, family, kind, protocol int) (int, error) {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
	if err == nil {
		t.Cleanup(func() { unix.Close(fd) })
	}
	return fd, err
}

// release closes a socket that is held. Its number stays taken, so that it can be
// closed again.
func release(fd int) error {
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(null)
	return unix.Dup3(null, fd, unix.O_CLOEXEC)
}

// A tcpListener listens at an address of its own.
type tcpListener struct {
	t       testing.TB
	fd      int
	family  int
	address unix.Sockaddr
}

func listen(t testing.TB, address unix.Sockaddr) (*tcpListener, error) {
	l := &tcpListener{t: t, family: unix.AF_INET}
	if _, ok := address.(*unix.SockaddrInet6); ok {
		l.family = unix.AF_INET6
	}
	var err error
	if l.fd, err = held(t, l.family, unix.SOCK_STREAM, 0); err != nil {
		return nil, err
	}
	if err := unix.Bind(l.fd, address); err != nil {
		return nil, err
	}
	if err := unix.Listen(l.fd, 7); err != nil {
		return nil, err
	}
	l.address, err = unix.Getsockname(l.fd)
	return l, err
}

// connect makes the client's end alone, or what there is of it when the listener
// does not answer.
func (l *tcpListener) connect() (int, error) {
	client, err := held(l.t, l.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(client, l.address); err != nil && err != unix.EINPROGRESS {
		return -1, err
	}
	return client, nil
}

// pair makes a connection and accepts it.
func (l *tcpListener) pair() (client, server int, err error) {
	if client, err = l.connect(); err != nil {
		return -1, -1, err
	}
	if server, _, err = unix.Accept4(l.fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK); err != nil {
		return -1, -1, err
	}
	l.t.Cleanup(func() { unix.Close(server) })
	return client, server, nil
}

// blocked makes a connection whose client has more to send than the server, which
// reads nothing, has room for.
func (l *tcpListener) blocked() (client, server int, err error) {
	// An accepted socket has its listener's buffer.
	if err := unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
		return -1, -1, err
	}
	if client, server, err = l.pair(); err != nil {
		return -1, -1, err
	}
	for {
		switch _, err := unix.Write(client, make([]byte, 64<<10)); err {
		case nil:
		case unix.EAGAIN:
			return client, server, nil
		default:
			return -1, -1, err
		}
	}
}
