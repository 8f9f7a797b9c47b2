// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"testing"

	"golang.org/x/sys/unix"
)

// tcpKinds make sockets of a kind, with a listener of their own.
var tcpKinds = map[string]func(*tcpListener) error{
	"listening": listening,
	"not accepted": func(l *tcpListener) error {
		_, err := l.connect()
		return err
	},
	"syn sent":     synSent,
	"syn received": synReceived,
	"established":  onPair(func(client, server int) error { return nil }),
	"unread": onPair(func(client, server int) error {
		_, err := unix.Write(client, make([]byte, 1000))
		return err
	}),
	"keepalive": onPair(func(client, server int) error {
		if err := unix.SetsockoptInt(client, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 5000); err != nil {
			return err
		}
		return unix.SetsockoptInt(client, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	}),
	"other user":  onPair(func(client, server int) error { return unix.Fchown(server, 1000, -1) }),
	"half closed": onPair(func(client, server int) error { return unix.Shutdown(client, unix.SHUT_WR) }),
	"time wait": onPair(func(client, server int) error {
		if err := release(client); err != nil {
			return err
		}
		return release(server)
	}),
	"fin wait 2, closed": onPair(func(client, server int) error {
		if err := unix.Shutdown(client, unix.SHUT_WR); err != nil {
			return err
		}
		return release(client)
	}),
	"zero window": onBlocked(func(client, server int) error { return nil }),
	"fin wait 1":  onBlocked(func(client, server int) error { return unix.Shutdown(client, unix.SHUT_WR) }),
	"closing":     onBlocked(func(client, server int) error { return shutDown(client, server) }),
	"last ack":    onBlocked(func(client, server int) error { return shutDown(server, client) }),
	"orphan":      onBlocked(func(client, server int) error { return release(client) }),
}

func onPair(f func(client, server int) error) func(*tcpListener) error {
	return func(l *tcpListener) error {
		client, server, err := l.pair()
		if err != nil {
			return err
		}
		return f(client, server)
	}
}

// onBlocked is onPair where nothing of the client gets through any more, not even
// that it closes.
func onBlocked(f func(client, server int) error) func(*tcpListener) error {
	return func(l *tcpListener) error {
		client, server, err := l.blocked()
		if err != nil {
			return err
		}
		return f(client, server)
	}
}

func shutDown(first, second int) error {
	if err := unix.Shutdown(first, unix.SHUT_WR); err != nil {
		return err
	}
	return unix.Shutdown(second, unix.SHUT_WR)
}

func listening(l *tcpListener) error {
	if err := unix.BindToDevice(l.fd, "lo"); err != nil {
		return err
	}
	return unix.SetsockoptInt(l.fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 5)
}

// synSent has a filter drop what comes to the listener.
func synSent(l *tcpListener) error {
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	if err := unix.SetsockoptSockFprog(l.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop}); err != nil {
		return err
	}
	_, err := l.connect()
	return err
}

// synReceived is a request of which the listener wants to see data first.
func synReceived(l *tcpListener) error {
	if err := unix.SetsockoptInt(l.fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 100); err != nil {
		return err
	}
	_, err := l.connect()
	return err
}

// mappedConnection is one of IPv4 to a socket of IPv6.
func mappedConnection(t testing.TB) error {
	l, err := listen(t, &unix.SockaddrInet6{})
	if err != nil {
		return err
	}
	l.family = unix.AF_INET
	l.address = &unix.SockaddrInet4{Port: l.address.(*unix.SockaddrInet6).Port, Addr: [4]byte{127, 0, 0, 1}}
	_, _, err = l.pair()
	return err
}
