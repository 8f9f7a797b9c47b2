// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/iterfs/iterfs/tests/zoo"
)

// timeWait makes a connection that is closed from this side, and returns the
// listener's port.
func timeWait(t *testing.T) (port int, err error) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	t.Cleanup(func() { l.Close() })
	here, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		return 0, err
	}
	there, err := l.Accept()
	if err != nil {
		return 0, err
	}
	here.Close()
	there.Read(make([]byte, 1)) // until the end
	there.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// A cast shows what a socket really is, of the reader's network namespace.
func TestSelectSockets(t *testing.T) {
	m := newMount(t)
	const fields = "skc_state:TCP_ESTABLISHED,skc_num,skc_dport,skc_rcv_saddr:ip,sk_common:tcp_sock.snd_cwnd,sk_common:udp_sock.pending,sk_common:tcp_timewait_sock.tw_rcv_wnd,skc_net.net.ns.inum"
	var text, count, none string
	var port int
	err := zoo.NewNetNS(t).Do(func() (err error) {
		if port, err = timeWait(t); err != nil {
			return err
		}
		for query, to := range map[string]*string{
			fields: &text,
			"where/skc_rcv_saddr:ip=127.0.0.1/count/skc_state:TCP_ESTABLISHED": &count,
			"where/skc_rcv_saddr:ip=127.0.0.2/skc_num":                         &none,
		} {
			content, err := os.ReadFile(m.path("select/tcp/" + query))
			if err != nil {
				return err
			}
			*to = string(content)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]map[string]string{}
	inum := ""
	for _, row := range table(t, text) {
		states[row["skc_state:TCP_ESTABLISHED"]] = row
		if inum = row["skc_net.net.ns.inum"]; inum == namespace("thread-self", "net") {
			t.Errorf("a socket of another namespace: %v", row)
		}
	}
	listen, wait := states["TCP_LISTEN"], states["TCP_TIME_WAIT"]
	if len(states) != 2 || listen == nil || wait == nil {
		t.Fatalf("the sockets are %s", text)
	}
	for row, want := range map[*map[string]string]map[string]string{
		&listen: {"skc_num": strconv.Itoa(port), "skc_dport": "0", "sk_common:tcp_timewait_sock.tw_rcv_wnd": "-"},
		&wait:   {"skc_dport": strconv.Itoa(port), "sk_common:tcp_sock.snd_cwnd": "-"},
	} {
		for column, value := range want {
			if (*row)[column] != value {
				t.Errorf("%s is %s, want %s: %v", column, (*row)[column], value, *row)
			}
		}
		if (*row)["skc_rcv_saddr:ip"] != "127.0.0.1" || (*row)["sk_common:udp_sock.pending"] != "-" {
			t.Errorf("%v", *row)
		}
	}
	if listen["sk_common:tcp_sock.snd_cwnd"] == "-" || wait["sk_common:tcp_timewait_sock.tw_rcv_wnd"] == "-" {
		t.Errorf("a cast fails on what it is for: %v, %v", listen, wait)
	}
	if rows := table(t, count); len(rows) != 2 || rows[0]["COUNT"] != "1" || strings.Count(none, "\n") != 1 {
		t.Errorf("counted %s, %s", count, none)
	}
	for _, row := range table(t, m.read(t, "select/tcp/"+fields)) {
		if row["skc_net.net.ns.inum"] == inum {
			t.Errorf("seen from outside: %v", row)
		}
	}
}

// A file leads to its socket, where it is one.
func TestSelectSocketsOfFiles(t *testing.T) {
	m := newMount(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	mine := fmt.Sprintf("select/task_file/where/task.pid=%d", os.Getpid())
	const number = "file:socket.sk.__sk_common.skc_num"
	found := 0
	for _, row := range table(t, m.read(t, mine+"/fd,file.f_inode.i_mode&0170000:oct,"+number)) {
		socket := row["file.f_inode.i_mode&0170000:oct"] == "0140000"
		if socket != (row[number] != "-") {
			t.Errorf("%v", row)
		}
		if row[number] == port {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the listener has %d files", found)
	}
	if rows := table(t, m.read(t, mine+",file:socket!=-,"+number+"="+port+"/fd")); len(rows) != 1 {
		t.Errorf("found by its port: %v", rows)
	}
}
