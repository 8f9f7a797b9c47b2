// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Unix makes unix sockets of every type, state and kind of name, some with names
// in dir, which is to be a short one.
func (ns *NetNS) Unix(t testing.TB, dir string) {
	t.Helper()
	full := filepath.Join(dir, strings.Repeat("x", 108))[:108]
	kinds := map[string]func() error{
		"unconnected stream": func() error { return bound(t, unix.SOCK_STREAM, "") },
		"abstract name":      func() error { return bound(t, unix.SOCK_STREAM, "@abstract") },
		"NULs in a name":     func() error { return bound(t, unix.SOCK_DGRAM, "@a\x00b\x00\x00 c\x00") },
		"odd characters":     func() error { return bound(t, unix.SOCK_DGRAM, dir+"/two words\n\xff\\") },
		"longest path":       func() error { return fullyBound(t, full) },
		"longest name":       func() error { return fullyBound(t, "\x00"+strings.Repeat("y", 107)) },
		"pairs":              func() error { return unixPairs(t) },
		"stream":             func() error { return unixConnections(t, unix.SOCK_STREAM, dir+"/stream") },
		"seqpacket":          func() error { return unixConnections(t, unix.SOCK_SEQPACKET, "@seqpacket") },
		"datagrams": func() error {
			if err := bound(t, unix.SOCK_DGRAM, dir+"/datagrams"); err != nil {
				return err
			}
			client, err := held(t, unix.AF_UNIX, unix.SOCK_DGRAM, 0)
			if err != nil {
				return err
			}
			if err := unix.Connect(client, &unix.SockaddrUnix{Name: dir + "/datagrams"}); err != nil {
				return err
			}
			for range 3 {
				if _, err := unix.Write(client, make([]byte, 50)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	err := ns.Do(func() error {
		for kind, enter := range kinds {
			if err := enter(); err != nil {
				return fmt.Errorf("unix, %s: %w", kind, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// bound makes a socket of that name, of which a first @ stands for a NUL, or of
// none.
func bound(t testing.TB, kind int, name string) error {
	fd, err := held(t, unix.AF_UNIX, kind, 0)
	if err != nil || name == "" {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrUnix{Name: name})
}

// fullyBound makes a socket whose name takes all the room that there is, which
// leaves a path without a NUL.
func fullyBound(t testing.TB, name string) error {
	fd, err := held(t, unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	if err != nil {
		return err
	}
	address := unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	for i := range address.Path {
		address.Path[i] = int8(name[i])
	}
	_, _, errno := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&address)), unsafe.Sizeof(address))
	if errno != 0 {
		return errno
	}
	return nil
}

func unixPairs(t testing.TB) error {
	for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_SEQPACKET} {
		pair, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { unix.Close(pair[0]); unix.Close(pair[1]) })
		if _, err := unix.Write(pair[0], make([]byte, 300)); err != nil {
			return err
		}
		if _, err := unix.Write(pair[0], make([]byte, 30)); err != nil {
			return err
		}
		if _, err := unix.Read(pair[1], make([]byte, 100)); err != nil {
			return err
		}
	}
	return nil
}

// unixConnections makes a listener, a connection that it has accepted, one that it
// has not, and one whose other end has gone.
func unixConnections(t testing.TB, kind int, name string) error {
	server, err := held(t, unix.AF_UNIX, kind, 0)
	if err != nil {
		return err
	}
	address := &unix.SockaddrUnix{Name: name}
	if err := unix.Bind(server, address); err != nil {
		return err
	}
	if err := unix.Listen(server, 5); err != nil {
		return err
	}
	var clients, accepted [3]int
	for i := range clients {
		if clients[i], err = held(t, unix.AF_UNIX, kind, 0); err != nil {
			return err
		}
		if err := unix.Connect(clients[i], address); err != nil {
			return err
		}
	}
	for i := range 2 {
		if accepted[i], _, err = unix.Accept4(server, unix.SOCK_CLOEXEC); err != nil {
			return err
		}
		t.Cleanup(func() { unix.Close(accepted[i]) })
	}
	return release(clients[1])
}
