// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	// connectionsKind, with their number behind it, is an animal that holds both
	// ends of TCP connections.
	connectionsKind = "connections "
	// perHolder is how many connections one process has descriptors for.
	perHolder = 5000
)

// Connections makes n TCP connections in the namespace, of which both ends are
// open, to as many servers as processes hold them, from addresses all over 127/8.
func (ns *NetNS) Connections(t testing.TB, n int) {
	t.Helper()
	for ; n > 0; n -= perHolder {
		err := ns.Do(func() error {
			_, err := start(t, connectionsKind+strconv.Itoa(min(n, perHolder)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func connections(number string) {
	setComm("connections")
	n, err := strconv.Atoi(number)
	must(err)
	server, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	must(err)
	must(unix.Bind(server, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(unix.Listen(server, 16))
	address, err := unix.Getsockname(server)
	must(err)
	for i := range n {
		client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		must(err)
		must(unix.Bind(client, &unix.SockaddrInet4{Addr: [4]byte{127, 1, byte(i >> 8), byte(i)}}))
		must(unix.Connect(client, address))
		if _, _, err := unix.Accept(server); err != nil {
			fail(fmt.Errorf("accept connection %d: %w", i, err))
		}
	}
	ready(os.Getpid())
	idle()
}
