// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// Whatever kptr_restrict is, every reader sees the addresses of sockets that the
// real file shows him.
func TestSocketsHideAddresses(t *testing.T) {
	m := newSharedMount(t)
	ns := zoo.NewNetNS(t)
	ns.Population(t, 70)
	files := []string{"tcp", "tcp6", "udp", "udp6", "netlink"}
	if kernelHas(t, "bpf_iter__unix") {
		files = append(files, "unix")
	}
	shown := map[bool]int{}
	for _, restrict := range []string{"0", "1", "2"} {
		setSysctl(t, "kernel/kptr_restrict", restrict)
		for who, read := range readersIn(ns) {
			for _, file := range files {
				persistently(t, func() []string {
					var texts [3]string
					for i, path := range [3]string{"/proc/net/" + file, m.path("net/" + file), "/proc/net/" + file} {
						var err error
						if texts[i], err = read(path); err != nil {
							t.Fatalf("kptr_restrict %s, %s: %v", restrict, who, err)
						}
					}
					for _, address := range pointer.FindAllString(texts[0], -1) {
						shown[address != "0000000000000000"]++
					}
					if texts[0] == texts[1] && texts[1] == texts[2] {
						return nil
					}
					return []string{fmt.Sprintf("kptr_restrict %s, %s: net/%s is\n%swant\n%s", restrict, who, file, texts[1], texts[0])}
				})
			}
		}
	}
	if shown[true] == 0 || shown[false] == 0 {
		t.Errorf("%d addresses are shown, %d hidden", shown[true], shown[false])
	}
}

// Every reader sees who owns sockets as the real file shows him: with the numbers of
// his user namespace.
func TestSocketsShowOwners(t *testing.T) {
	m := newSharedMount(t)
	ns := allSockets(t)
	files := []string{"tcp", "tcp6", "udp", "udp6"}
	for who, read := range readersIn(ns) {
		owners := map[string]bool{}
		for _, file := range files {
			persistently(t, func() []string {
				var texts [3]string
				for i, path := range [3]string{"/proc/net/" + file, m.path("net/" + file), "/proc/net/" + file} {
					var err error
					if texts[i], err = read(path); err != nil {
						t.Fatalf("%s reads %s: %v", who, path, err)
					}
				}
				for _, line := range strings.Split(strings.TrimSpace(texts[1]), "\n")[1:] {
					owners[strings.Fields(line)[7]] = true
				}
				return sameSockets(who+": net/"+file, texts[0], texts[1], texts[2])
			})
		}
		want := map[string]bool{"0": true, "1000": true}
		if strings.Contains(who, "root of a") {
			want = map[string]bool{"0": true, "65534": true}
		}
		if !maps.Equal(owners, want) {
			t.Errorf("%s sees sockets of %v", who, owners)
		}
		all, err := read(m.path("net/sockets"))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range table(t, all) {
			if uid := row["UID"]; uid != "-" && !owners[uid] {
				t.Errorf("%s sees in net/sockets the owner %s, in net/tcp only %v", who, uid, owners)
			}
		}
	}
}

// pointer is what %pK prints.
var pointer = regexp.MustCompile(`\b[0-9a-f]{16}\b`)

// readersIn returns how readers with different rights read a file from within a
// namespace.
func readersIn(ns *zoo.NetNS) map[string]func(path string) (string, error) {
	dd := func(attr *syscall.SysProcAttr) func(path string) (string, error) {
		return func(path string) (text string, err error) {
			err = ns.Do(func() error {
				cmd := exec.Command("dd", "if="+path, "bs=65536")
				cmd.SysProcAttr = attr
				out, err := cmd.Output()
				text = string(out)
				return err
			})
			return text, err
		}
	}
	rootIs := func(user int) *syscall.SysProcAttr {
		only := []syscall.SysProcIDMap{{ContainerID: 0, HostID: user, Size: 1}}
		return &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: only, GidMappings: only}
	}
	return map[string]func(path string) (string, error){
		"root":                           dd(nil),
		"root of another user namespace": dd(rootIs(0)),
		"user as root of a namespace":    dd(rootIs(1000)),
		"root without CAP_SYSLOG": func(path string) (text string, err error) {
			path = regexp.MustCompile("^/proc/net").ReplaceAllString(path, "/proc/thread-self/net")
			err = ns.Do(func() error { // on a thread that ends with what it lost
				if err := dropCapability(unix.CAP_SYSLOG); err != nil {
					return err
				}
				content, err := os.ReadFile(path)
				text = string(content)
				return err
			})
			return text, err
		},
	}
}
