// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/iterfs/iterfs/tests/zoo"
)

// reader returns how to read a file from within a namespace.
func reader(t testing.TB, ns *zoo.NetNS) func(path string) string {
	return func(path string) (content string) {
		t.Helper()
		err := ns.Do(func() error {
			text, err := os.ReadFile(path)
			content = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
}

// A timer that runs, with what counts its rounds: tr, tm->when and retrnsmt of
// net/tcp.
var runningTimer = regexp.MustCompile(` (0[1-4]):([0-9A-F]{8}) ([0-9A-F]{8}) `)

// sameSockets compares a file of sockets with the real one, read before and
// after, line by line. A timer that runs must be between the two readings.
func sameSockets(path, before, got, after string) (complaints []string) {
	mask := func(text string) []string {
		return strings.Split(runningTimer.ReplaceAllString(text, " $1:..timer. .rounds. "), "\n")
	}
	masked, ours, later := mask(before), mask(got), mask(after)
	gotLines := strings.Split(got, "\n")
	for i, line := range masked {
		switch {
		case i >= len(later) || later[i] != line:
			return []string{path + " does not come to rest"}
		case i >= len(ours) || ours[i] != line:
			return []string{fmt.Sprintf("%s is\n%swant\n%s", path, got, before)}
		}
		was, is, will := runs(strings.Split(before, "\n")[i]), runs(gotLines[i]), runs(strings.Split(after, "\n")[i])
		if was >= will && (is > was || is < will) {
			complaints = append(complaints, fmt.Sprintf("%s: the timer of\n%s\nis not between %d and %d", path, gotLines[i], was, will))
		}
	}
	if len(ours) != len(masked) {
		complaints = append(complaints, fmt.Sprintf("%s has %d lines, want %d", path, len(ours), len(masked)))
	}
	return complaints
}

// runs is the time that is left to the timer of a line.
func runs(line string) int64 {
	m := runningTimer.FindStringSubmatch(line)
	if m == nil {
		return 0
	}
	left, _ := strconv.ParseInt(m[2], 16, 64) // eight digits
	return left
}

// compareSockets compares net/NAME of a namespace with the real one.
func compareSockets(t *testing.T, m *mount, ns *zoo.NetNS, name string) (text string) {
	t.Helper()
	read := reader(t, ns)
	persistently(t, func() []string {
		before := read("/proc/thread-self/net/" + name)
		text = read(m.path("net/" + name))
		return sameSockets(name, before, text, read("/proc/thread-self/net/"+name))
	})
	return text
}

// tcpStates are those of the fourth column of net/tcp.
var tcpStates = map[string]string{"01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "06": "TIME_WAIT",
	"08": "CLOSE_WAIT", "09": "LAST_ACK", "0A": "LISTEN", "0B": "CLOSING"}

func TestTCPEqualsProc(t *testing.T) {
	m := newMount(t)
	ns := zoo.NewNetNS(t)
	ns.TCP(t)
	for _, name := range []string{"tcp", "tcp6"} {
		text := compareSockets(t, m, ns, name)
		seen := map[string]bool{}
		for _, line := range strings.Split(strings.TrimSpace(text), "\n")[1:] {
			seen[strings.Fields(line)[3]] = true
		}
		for state, name := range tcpStates {
			if !seen[state] {
				t.Errorf("no socket of %s in state %s", name, tcpStates[state])
			}
		}
		for what, pattern := range map[string]string{
			"zero window probes": ` 04:[0-9A-F]{8} `, "retransmission": ` 01:[0-9A-F]{8} `, "keepalive": ` 02:[0-9A-F]{8} `,
			"unread data": `:000003E8 00:`, "another user": `(?m)^ +\d+: \S+ \S+ \S+ \S+ \S+ \S+ +1000 `, "fast open": ` 5 *$`,
		} {
			if !regexp.MustCompile(`(?m)` + pattern).MatchString(text) {
				t.Errorf("net/%s has no sign of %s:\n%s", name, what, text)
			}
		}
	}
}

func TestUDPEqualsProc(t *testing.T) {
	m := newMount(t)
	ns := zoo.NewNetNS(t)
	ns.UDP(t)
	for name, patterns := range map[string][]string{
		"udp":  {`0200007F:[0-9A-F]{4} 0100007F:1B58 01 `, ` 1000 `, ` [1-9]\d* *$`},
		"udp6": {` 00000000000000000000000001000000:1F40 0{32}:0000 07 00000000:0000`},
	} {
		text := compareSockets(t, m, ns, name)
		for _, p := range patterns {
			if !regexp.MustCompile(`(?m)` + p).MatchString(text) {
				t.Errorf("no line of net/%s matches %q:\n%s", name, p, text)
			}
		}
	}
	sharing := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(compareSockets(t, m, ns, "udp")), "\n")[1:] {
		sharing[strings.Fields(line)[0]]++
	}
	if sharing := slices.Max(slices.Collect(maps.Values(sharing))); sharing < 9 {
		t.Errorf("at most %d sockets in one bucket", sharing)
	}
}

func TestUnixEqualsProc(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "unix", "net/unix")
	ns := zoo.NewNetNS(t)
	dir, err := os.MkdirTemp("", "unix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ns.Unix(t, dir)
	text := compareSockets(t, m, ns, "unix")
	seen := map[string]bool{}
	for _, line := range regexp.MustCompile(`: [0-9A-F]{8} 00000000 (\S+ \S+ \S+) `).FindAllStringSubmatch(text, -1) {
		seen[line[1]] = true
	}
	for _, want := range []string{"00010000 0001 01", "00010000 0005 01", "00000000 0001 03", "00000000 0001 02", "00000000 0005 02", "00000000 0002 01"} {
		if !seen[want] {
			t.Errorf("no socket with flags, type and state %s in\n%s", want, text)
		}
	}
	for _, name := range []string{" @abstract\n", " @a@b@@ c@\n", dir + "/two words\n\xff\\\n", "@" + strings.Repeat("y", 107) + "\n", dir + "/" + strings.Repeat("x", 107-len(dir)) + "\n"} {
		if !strings.Contains(text, name) {
			t.Errorf("no socket is named %q", name)
		}
	}
}

func TestNetlinkEqualsProc(t *testing.T) {
	m := newMount(t)
	ns := zoo.NewNetNS(t)
	ns.Netlink(t)
	text := compareSockets(t, m, ns, "netlink")
	for what, pattern := range map[string]string{
		"a kernel socket":          `^\S+ 0   0          00000000 `,
		"a group":                  `^\S+ 0   77000      00000001 `,
		"unread messages":          `^\S+ 0   77000      00000001 [1-9]`,
		"a dump that is under way": `^\S+ 0   \d+ +00000000 \d+ +\d+ +1 `,
	} {
		if !regexp.MustCompile(`(?m)` + pattern).MatchString(text) {
			t.Errorf("no sign of %s in\n%s", what, text)
		}
	}
}

// So many sockets that each file takes many reads, at each of which the kernel
// stops and goes on.
func TestManySocketsEqualProc(t *testing.T) {
	m := newMount(t)
	ns := zoo.NewNetNS(t)
	ns.Population(t, 10_000)
	read := reader(t, ns)
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6", "unix", "netlink"} {
		if _, err := os.Stat(m.path("net/" + name)); err != nil {
			continue // as other tests check, the kernel lacks it
		}
		persistently(t, func() []string {
			before, got := read("/proc/thread-self/net/"+name), read(m.path("net/"+name))
			if after := read("/proc/thread-self/net/" + name); before == after && got == before {
				return nil
			}
			return []string{fmt.Sprintf("net/%s has %d lines, /proc %d", name, strings.Count(got, "\n"), strings.Count(before, "\n"))}
		})
	}
}
