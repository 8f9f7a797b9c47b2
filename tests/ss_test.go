// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// A seen is a socket that ss shows: its row of net/sockets, and its descriptors.
// Of netlink ss tells neither inode nor process.
type seen struct {
	row   []string // PROTO to PIDS
	files [][2]string
}

var (
	ssLine = regexp.MustCompile(`(?s)^(\S+)\s+(\S+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s`)
	ssUnix = regexp.MustCompile(`(?s)^(\S+)\s+(\S+)\s+(\d+)\s+(\d+)\s+(\S.*) (\d+)\s+(\S+) (\d+)\s`)
	ssHas  = regexp.MustCompile(`pid=(\d+),fd=(\d+)`)
	ssUID  = regexp.MustCompile(` uid:(\d+) `)
	ssIno  = regexp.MustCompile(` ino:(\d+) `)
)

// ss returns what it tells of the sockets of a namespace.
func ss(t testing.TB, ns *zoo.NetNS) (sockets []seen) {
	t.Helper()
	out, err := ns.Output(need.Tool(t, "ss", "iproute2"), "-A", "tcp,udp,unix,netlink", "-anpeHO")
	if err != nil {
		t.Fatal(err)
	}
	// A name may hold a newline.
	start := regexp.MustCompile(`(?m)^(tcp|udp|u_str|u_dgr|u_seq|nl) `)
	text := string(out)
	for begin := start.FindAllStringIndex(text, -1); len(begin) > 0; begin = begin[1:] {
		end := len(text)
		if len(begin) > 1 {
			end = begin[1][0]
		}
		s := seenIn(t, text[begin[0][0]:end])
		if s.row[0] == "nl" && slices.ContainsFunc(sockets, func(o seen) bool { return slices.Equal(o.row, s.row) }) {
			continue // those in a group come twice
		}
		sockets = append(sockets, s)
	}
	return sockets
}

// questions reports whether a netlink socket is one of those that ss asks and is
// answered through.
func questions(proto, local string) bool {
	port, diag := strings.CutPrefix(local, "4:")
	return proto == "nl" && diag && port != "77004" && port != strconv.Itoa(os.Getpid())
}

func seenIn(t testing.TB, line string) seen {
	t.Helper()
	first := func(r *regexp.Regexp, otherwise string) string {
		if m := r.FindStringSubmatch(line); m != nil {
			return m[1]
		}
		return otherwise
	}
	uid, ino := first(ssUID, "0"), first(ssIno, "-")
	var row []string
	if strings.HasPrefix(line, "u_") {
		m := ssUnix.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("ss says %q", line)
		}
		row, ino = []string{m[1], m[2], m[3], m[4], escaped.Replace(m[5]) + ":" + m[6], m[7] + ":" + m[8]}, m[6]
	} else {
		m := ssLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("ss says %q", line)
		}
		row = m[1:]
		row[4] = strings.ReplaceAll(row[4], "%lo", "%1")
		if protocol, port, ok := strings.Cut(row[4], ":-"); ok && row[0] == "nl" { // ss takes it for signed
			n, _ := strconv.ParseUint(port, 10, 32)
			row[4] = fmt.Sprintf("%s:%d", protocol, uint32(-n))
		}
	}
	if strings.Contains(line, "timer:(timewait") {
		uid = "-"
	}
	if ino == "0" {
		ino = "-"
	}
	s := seen{}
	var pids []string
	for _, m := range ssHas.FindAllStringSubmatch(line, -1) {
		s.files = append(s.files, [2]string{m[1], m[2]})
		pids = append(pids, m[1])
	}
	slices.SortFunc(pids, byNumber)
	owners := strings.Join(slices.Compact(pids), ",")
	if owners == "" {
		owners = "-"
	}
	s.row = append(row, uid, ino, owners)
	return s
}

func byNumber(a, b string) int {
	m, _ := strconv.Atoi(a)
	n, _ := strconv.Atoi(b)
	return m - n
}
