// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// inNetNS makes a namespace with routes of every kind, and returns how to read a
// file from within.
func inNetNS(t testing.TB, n int) (*zoo.NetNS, func(path string) []byte) {
	t.Helper()
	ns := zoo.NewNetNS(t)
	for kind, err := range ns.AddRoutes(t, n) {
		if kind != "source prefix" { // CONFIG_IPV6_SUBTREES may be off
			t.Errorf("no route of the kind %s: %v", kind, err)
		}
		t.Logf("no route of the kind %s: %v", kind, err)
	}
	read := func(path string) (content []byte) {
		t.Helper()
		err := ns.Do(func() (err error) {
			content, err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	// The kernel goes on for a moment with what interfaces and addresses bring.
	last, since := read("/proc/thread-self/net/ipv6_route"), time.Now()
	eventually(t, func() bool {
		if now := read("/proc/thread-self/net/ipv6_route"); !bytes.Equal(now, last) {
			last, since = now, time.Now()
		}
		return time.Since(since) > 300*time.Millisecond
	}, "the routes never come to rest")
	return ns, read
}

func TestRoutesEqualProc(t *testing.T) {
	m := newMount(t)
	_, read := inNetNS(t, 10)
	want := read("/proc/thread-self/net/ipv6_route")
	got := read(m.path("net/ipv6_route"))
	if !bytes.Equal(got, want) {
		t.Errorf("net/ipv6_route is\n%swant\n%s", got, want)
	}
	for _, route := range []string{"20010db8000700000000000000000000", "20010db8000900000000000000000000", "20010db8000300000000000000000000"} {
		if !bytes.Contains(got, []byte(route)) {
			t.Errorf("no route to %s", route)
		}
	}
}

// The reader's namespace decides, in every order of readers.
func TestRoutesAreTheReaders(t *testing.T) {
	m := newMount(t)
	_, inside := inNetNS(t, 3)
	outside := func(path string) []byte {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	for range 5 {
		if got, want := inside(m.path("net/ipv6_route")), inside("/proc/thread-self/net/ipv6_route"); !bytes.Equal(got, want) {
			t.Errorf("inside:\n%swant\n%s", got, want)
		}
		if bytes.Contains(outside(m.path("net/ipv6_route")), []byte("zoo0")) {
			t.Error("outside: the routes of another namespace")
		}
	}
}

// A file of many reads that stays as it is: however it is read, it is the same.
func TestLongFile(t *testing.T) {
	m := newMount(t)
	ns, read := inNetNS(t, 3000)
	want := read("/proc/thread-self/net/ipv6_route")
	if len(want) < 400_000 {
		t.Fatalf("%d bytes of routes", len(want))
	}
	path := m.path("net/ipv6_route")
	for _, size := range []int{100, 4096, 1 << 20} {
		ns.Do(func() error {
			if got := readIn(t, path, size); !bytes.Equal(got, want) {
				t.Errorf("reads of %d give %d bytes, not the %d", size, len(got), len(want))
			}
			return nil
		})
	}
	ns.Do(func() error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		for _, off := range []int{0, 399_999, 5, 200_000, len(want) - 1, len(want), len(want) + 1000} {
			buf := make([]byte, 150_000)
			n, err := f.ReadAt(buf, int64(off))
			if rest := want[min(off, len(want)):]; err != nil && err != io.EOF || !bytes.Equal(buf[:n], rest[:min(len(rest), len(buf))]) {
				t.Errorf("pread at %d: %d bytes, %v", off, n, err)
			}
		}
		return nil
	})
}

func TestSeveralReadersAtOnce(t *testing.T) {
	m := newMount(t)
	ns, read := inNetNS(t, 500)
	want := read("/proc/thread-self/net/ipv6_route")
	results := make(chan []byte)
	for i := range 4 {
		go ns.Do(func() error {
			results <- readIn(t, m.path("net/ipv6_route"), 1000+i)
			return nil
		})
	}
	for range 4 {
		if got := <-results; !bytes.Equal(got, want) {
			t.Errorf("one of several readers at once got %d bytes, not the %d", len(got), len(want))
		}
	}
}

// Tools that people use on such files.
func TestToolsOnRoutes(t *testing.T) {
	awk := need.Tool(t, "awk", "mawk")
	m := newMount(t)
	ns, read := inNetNS(t, 10)
	want := strings.Split(strings.TrimSpace(string(read("/proc/thread-self/net/ipv6_route"))), "\n")
	out, err := ns.Output(awk, "{print $10}", m.path("net/ipv6_route"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(out))
	for i, line := range want {
		want[i] = strings.Fields(line)[9]
	}
	if !slices.Equal(got, want) {
		t.Errorf("awk prints the devices %q, want %q", got, want)
	}
}
