// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/iterfs/iterfs/tests/zoo"
)

// While a thousand sockets come and go, each that lives throughout is in every
// table once, and no line is torn.
func TestSocketsChurn(t *testing.T) {
	m := newMount(t)
	ns := zoo.NewNetNS(t)
	population := ns.Population(t, 700)
	ns.Churn(t, 1000)
	read := reader(t, ns)
	// How an inode stands in a line, and how many families of the population are in the file.
	const (
		tcp  = `^ *\d+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4} [0-9A-F]{2} \S+ \S+ [0-9A-F]{8} +\d+ +\d+ (\d+) \d+ [0-9a-f]{16}( \d+ \d+ \d+ \d+ -?\d+)?$`
		udp  = `^ *\d+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4} [0-9A-F]{2} \S+ \S+ [0-9A-F]{8} +\d+ +\d+ (\d+) \d+ [0-9a-f]{16} \d+$`
		unix = `^[0-9a-f]{16}: [0-9A-F]{8} 0{8} [0-9A-F]{8} [0-9A-F]{4} 0\d +(\d+)( @[0-9a-f]{5})?$`
		nl   = `^[0-9a-f]{16} \d+ +\d+ +[0-9a-f]{8} \d+ +\d+ +[01] +\d+ +\d+ +(\d+)$`
		net  = `^\S+ +[A-Z-]+ +\d+ +\d+ \S+ +\S+ +\d+ +(\d+|-) \S+$`
		task = `^ *\d+ +\d+ \S+ +[A-Z-]+ +\S+ +\S+ +(\d+) +\d+ \S+$`
	)
	// Until 2025 the kernel went on in a bucket by position, not by socket: in /proc
	// as well it loses and repeats some.
	exactTCP, exactUDP := kernelHas(t, "bpf_tcp_iter_batch_item"), kernelHas(t, "bpf_udp_iter_batch_item")
	type file struct {
		path, line string
		families   int
		exact      bool
	}
	files := []file{
		{"net/tcp", tcp, 1, exactTCP}, {"net/tcp6", tcp, 1, exactTCP}, {"net/udp", udp, 1, exactUDP}, {"net/udp6", udp, 1, exactUDP},
		{"net/netlink", nl, 1, true}, {"tasks/sockets", task, 7, true},
	}
	if kernelHas(t, "bpf_iter__unix") {
		files = append(files, file{"net/unix", unix, 2, true}, file{"net/sockets", net, 7, exactTCP && exactUDP})
	} else {
		files = append(files, file{"net/sockets", net, 5, exactTCP && exactUDP})
	}
	rounds := 20
	if os.Getenv("ITERFS_VM") != "" {
		rounds = 3
	}
	for range rounds {
		for _, f := range files {
			torn, wrong := once(read(m.path(f.path)), regexp.MustCompile(f.line), population, f.families*len(population)/7)
			if !f.exact {
				wrong = nil
			}
			for _, complaint := range append(torn, wrong...) {
				t.Errorf("%s: %s", f.path, complaint)
			}
		}
	}
}

// Netlink's table is enlarged and made smaller with the number of sockets, and the
// kernel then begins anew: it gives some again, in /proc many.
func TestNetlinkGrows(t *testing.T) {
	m := newMount(t)
	ns := zoo.NewNetNS(t)
	ns.Flood(t, 3000)
	read := reader(t, ns)
	for range 20 {
		seen := map[string]bool{}
		for _, row := range table(t, read(m.path("net/netlink"))) {
			if seen[row["Inode"]] {
				t.Fatalf("a socket is there twice: %v", row)
			}
			seen[row["Inode"]] = true
		}
	}
}

// once reports which lines do not match; which of the inodes are there more than
// once, and whether as many as wanted are there.
func once(text string, line *regexp.Regexp, inodes []uint64, want int) (torn, wrong []string) {
	found := map[string][]string{}
	for _, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n")[1:] {
		m := line.FindStringSubmatch(strings.TrimRight(l, " "))
		if m == nil {
			torn = append(torn, fmt.Sprintf("the line %q", l))
			continue
		}
		found[m[1]] = append(found[m[1]], l)
	}
	there := 0
	for _, ino := range inodes {
		lines := found[fmt.Sprint(ino)]
		if len(lines) > 1 {
			wrong = append(wrong, fmt.Sprintf("one socket is there %d times: %q", len(lines), lines))
		}
		there += min(len(lines), 1)
	}
	if there != want {
		wrong = append(wrong, fmt.Sprintf("%d of the sockets that live throughout, want %d", there, want))
	}
	return torn, wrong
}
