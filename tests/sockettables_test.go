// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// allSockets makes a namespace with sockets of every family, kind and state.
func allSockets(t *testing.T) *zoo.NetNS {
	t.Helper()
	dir, err := os.MkdirTemp("", "unix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ns := zoo.NewNetNS(t)
	ns.TCP(t)
	ns.UDP(t)
	ns.Unix(t, dir)
	ns.Netlink(t)
	return ns
}

// different tells what only one of two has.
func different(got, want []string) (complaints []string) {
	count := map[string]int{}
	for _, g := range got {
		count[g]++
	}
	for _, w := range want {
		count[w]--
	}
	for row, n := range count {
		if n > 0 {
			complaints = append(complaints, fmt.Sprintf("%d too many: %s", n, row))
		} else if n < 0 {
			complaints = append(complaints, fmt.Sprintf("%d missing: %s", -n, row))
		}
	}
	return complaints
}

func TestNetSocketsAgreeWithSS(t *testing.T) {
	need.Tool(t, "ss", "iproute2")
	m := newMount(t)
	ns := allSockets(t)
	sharedSocket(t, ns)
	read := reader(t, ns)
	columns := []string{"PROTO", "STATE", "RECVQ", "SENDQ", "LOCAL", "REMOTE", "UID", "INO", "PIDS"}
	persistently(t, func() []string {
		var got, want []string
		for _, row := range table(t, read(m.path("net/sockets"))) {
			if row["PROTO"] == "nl" {
				row["INO"], row["PIDS"] = "-", "-"
			}
			if row["INO"] == "-" && strings.HasPrefix(row["PROTO"], "u_") {
				continue // not accepted yet: ss leaves them out
			}
			var values []string
			for _, c := range columns {
				values = append(values, row[c])
			}
			if !questions(row["PROTO"], row["LOCAL"]) {
				got = append(got, strings.Join(values, " "))
			}
		}
		for _, s := range ss(t, ns) {
			if !questions(s.row[0], s.row[4]) {
				want = append(want, strings.Join(s.row, " "))
			}
		}
		if len(want) < 150 {
			t.Fatalf("ss shows only %d sockets", len(want))
		}
		return different(got, want)
	})
}

// In JSON the owners are an array of numbers.
func TestNetSocketsJSON(t *testing.T) {
	m := newMount(t)
	ns := zoo.NewNetNS(t)
	child := sharedSocket(t, ns)
	type row struct {
		Proto, Local string
		Ino          *uint64
		PIDs         []int
	}
	shared := 0
	for line := range strings.Lines(reader(t, ns)(m.path("net/sockets.json"))) {
		var r row
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		switch {
		case r.Proto == "udp":
			shared++
			want := []int{os.Getpid(), child}
			slices.Sort(want)
			if !slices.Equal(r.PIDs, want) || r.Ino == nil {
				t.Errorf("%s, want the owners %v", line, want)
			}
		case r.PIDs != nil:
			t.Errorf("a socket of the kernel's own has owners: %s", line)
		}
	}
	if shared != 1 {
		t.Errorf("%d UDP sockets", shared)
	}
}

// sharedSocket makes a socket that a child has open too, whose pid it returns.
func sharedSocket(t testing.TB, ns *zoo.NetNS) (pid int) {
	t.Helper()
	err := ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), "socket")
		t.Cleanup(func() { f.Close() })
		if err := unix.Bind(fd, &unix.SockaddrInet4{}); err != nil {
			return err
		}
		child := exec.Command("/bin/sh", "-c", "read x")
		child.ExtraFiles = []*os.File{f, f}
		stdin, err := child.StdinPipe()
		if err != nil {
			return err
		}
		t.Cleanup(func() { stdin.Close(); child.Wait() })
		if err := child.Start(); err != nil {
			return err
		}
		pid = child.Process.Pid
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestOpenSocketsAgreeWithSS(t *testing.T) {
	need.Tool(t, "ss", "iproute2")
	m := newMount(t)
	ns := allSockets(t)
	sharedSocket(t, ns)
	inode := ns.Inode()
	persistently(t, func() []string {
		var got, want []string
		for _, row := range table(t, m.read(t, "tasks/sockets")) {
			if row["NETNS"] != inode || row["LOCAL"] == "0.0.0.0:*" || row["PROTO"] == "udplite" || row["PROTO"] == "nl" {
				continue // what is in no table of the kernel's, or of a family whose owners ss does not know
			}
			got = append(got, strings.Join([]string{row["PID"], row["FD"], row["PROTO"], row["STATE"], row["LOCAL"], row["REMOTE"], row["INO"]}, " "))
		}
		for _, s := range ss(t, ns) {
			for _, f := range s.files {
				want = append(want, strings.Join([]string{f[0], f[1], s.row[0], s.row[1], s.row[4], s.row[5], s.row[7]}, " "))
			}
		}
		if len(want) < 100 {
			t.Fatalf("ss knows of only %d descriptors", len(want))
		}
		return different(got, want)
	})
}

// Every open socket of this process is in the table, whatever its family.
func TestOpenSocketsOfOneProcess(t *testing.T) {
	m := newMount(t)
	allSockets(t)
	special := map[string]string{} // PROTO, LOCAL by descriptor
	for _, s := range []struct {
		family, kind, protocol int
		want                   string
	}{
		{unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP, "raw 0.0.0.0:1"},
		{unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6, "raw *:58"},
		{unix.AF_PACKET, unix.SOCK_RAW, 0, "p_raw -"},
		{unix.AF_PACKET, unix.SOCK_DGRAM, 0, "p_dgr -"},
		{unix.AF_ALG, unix.SOCK_SEQPACKET, 0, "38/5 -"},
		{unix.AF_INET, unix.SOCK_DGRAM, 0, "udp 0.0.0.0:*"},
	} {
		fd, err := unix.Socket(s.family, s.kind|unix.SOCK_CLOEXEC, s.protocol)
		if err != nil {
			t.Logf("no socket of family %d: %v", s.family, err)
			continue
		}
		t.Cleanup(func() { unix.Close(fd) })
		special[strconv.Itoa(fd)] = s.want
	}
	pid := strconv.Itoa(os.Getpid())
	rows := table(t, m.read(t, "tasks/"+pid+"/sockets"))
	var got, want []string
	for _, row := range rows {
		got = append(got, row["PID"]+" "+row["FD"]+" socket:["+row["INO"]+"] "+row["COMM"])
		if w := special[row["FD"]]; w != "" && w != row["PROTO"]+" "+row["LOCAL"] {
			t.Errorf("a socket that should be %s is %v", w, row)
		}
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range list(t, "/proc/self/fd") {
		if link, err := os.Readlink(filepath.Join("/proc/self/fd", fd)); err == nil && strings.HasPrefix(link, "socket:") {
			want = append(want, pid+" "+fd+" "+link+" "+escaped.Replace(strings.TrimSpace(string(comm))))
		}
	}
	for _, complaint := range different(got, want) {
		t.Error(complaint)
	}
	if len(want) < 100 || len(special) < 3 {
		t.Errorf("only %d sockets, %d special ones", len(want), len(special))
	}
}

// Each socket of the files in /proc/net is in the table once, and its owner is
// known.
func TestNetSocketsAgreeWithProc(t *testing.T) {
	m := newMount(t)
	ns := allSockets(t)
	read := reader(t, ns)
	pid := strconv.Itoa(os.Getpid())
	own := map[string]bool{}
	for _, row := range table(t, m.read(t, "tasks/"+pid+"/sockets")) {
		own[row["INO"]] = true
	}
	// The column of the inode, and what names the family.
	files := map[string]int{"tcp": 9, "tcp6": 9, "udp": 9, "udp6": 9, "netlink": 9}
	if _, err := os.Stat(m.path("net/unix")); err == nil {
		files["unix"] = 6
	}
	queues := map[string]bool{}
	persistently(t, func() []string {
		var got, want []string
		for file, column := range files {
			for _, line := range strings.Split(strings.TrimSpace(read("/proc/thread-self/net/"+file)), "\n")[1:] {
				fields := strings.Fields(line)
				if len(fields) <= column { // the rest of a name with a newline
					continue
				}
				ino, owner := fields[column], "-"
				if own[ino] {
					owner = pid
				}
				if ino == "0" {
					ino = "-"
				}
				want = append(want, ino+" "+owner)
			}
		}
		for _, row := range table(t, read(m.path("net/sockets"))) {
			got = append(got, row["INO"]+" "+row["PIDS"])
			queues[row["PROTO"]+" "+row["RECVQ"]] = true
		}
		return different(got, want)
	})
	if files["unix"] == 0 {
		return
	}
	// Of two messages of 300 and 30 bytes, 100 bytes were read; of datagrams the first counts.
	for _, want := range []string{"u_str 230", "u_dgr 30", "u_seq 30", "u_dgr 50", "u_str 1"} {
		if !queues[want] {
			t.Errorf("no socket has %s bytes to read in %v", want, queues)
		}
	}
}
