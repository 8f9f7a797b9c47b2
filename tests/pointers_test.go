// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/zoo"
)

// Whatever kptr_restrict is, every reader sees the addresses of sockets that the
// real file shows him.
func TestSocketsHideAddresses(t *testing.T) {
	m := newMount(t)
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
	own := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	return map[string]func(path string) (string, error){
		"root":                           dd(nil),
		"root of another user namespace": dd(&syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: own, GidMappings: own}),
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
