// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"os/exec"
	"testing"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// BenchmarkTCP reads net/tcp with 100,000 sockets in the namespace, and the real
// file.
func BenchmarkTCP(b *testing.B) {
	m := newMount(b)
	ns := zoo.NewNetNS(b)
	ns.Connections(b, 50_000)
	buf := make([]byte, 128<<10)
	ns.Do(func() error {
		rounds(b, m, []string{"iterfs", "native"},
			func() { readThrough(b, m.path("net/tcp"), buf) },
			func() { readThrough(b, "/proc/thread-self/net/tcp", buf) })
		return nil
	})
}

// BenchmarkSockets tells of the same sockets with their owners, and so does ss.
func BenchmarkSockets(b *testing.B) {
	ss := need.Tool(b, "ss", "iproute2")
	m := newMount(b)
	ns := zoo.NewNetNS(b)
	ns.Connections(b, 50_000)
	buf := make([]byte, 128<<10)
	ns.Do(func() error {
		rounds(b, m, []string{"iterfs", "ss"},
			func() { readThrough(b, m.path("net/sockets"), buf) },
			func() {
				if err := exec.Command(ss, "-A", "tcp,udp,unix,netlink", "-anpH").Run(); err != nil {
					b.Fatal(err)
				}
			})
		return nil
	})
}
