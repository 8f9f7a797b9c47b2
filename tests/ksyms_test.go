// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// setSysctl changes a setting of the kernel until the test ends.
func setSysctl(t testing.TB, name, value string) {
	t.Helper()
	file := "/proc/sys/" + name
	before, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(value), 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(file, before, 0); err != nil {
			t.Error(err)
		}
	})
}

// checkSymbols compares with a real file that changes whenever anyone loads a BPF
// program: it is read before and after.
func checkSymbols(t *testing.T, what string, read func(file string) (string, error), ours string) {
	t.Helper()
	persistently(t, func() []string {
		var texts [3]string
		for i, file := range [3]string{"/proc/kallsyms", ours, "/proc/kallsyms"} {
			var err error
			if texts[i], err = read(file); err != nil {
				t.Fatal(err)
			}
		}
		before, got, after := texts[0], texts[1], texts[2]
		if before != after {
			return []string{what + ": the symbols change all the time"}
		}
		if got == before {
			return nil
		}
		at := 0
		for at < min(len(got), len(before)) && got[at] == before[at] {
			at++
		}
		start := strings.LastIndexByte(before[:at], '\n') + 1
		return []string{fmt.Sprintf("%s: %d bytes, in kallsyms %d; they differ at %d: %.200q, want %.200q", what, len(got), len(before), at, got[start:], before[start:])}
	})
}

func TestKsymsEqualKallsyms(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "ksym", "kernel/ksyms")
	setSysctl(t, "kernel/kptr_restrict", "1")
	m.read(t, "kernel/ksyms") // from here on our own program is a symbol too
	checkSymbols(t, "all symbols", func(file string) (string, error) {
		text, err := os.ReadFile(file)
		return string(text), err
	}, m.path("kernel/ksyms"))
	text := m.read(t, "kernel/ksyms")
	for _, want := range []string{" T _text\n", "_symbol_records\t[bpf]\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no symbol %q", want)
		}
	}
}

var anAddress = regexp.MustCompile(`(?m)^[0-9a-f]*[1-9a-f][0-9a-f]* `)

// Who sees no addresses in kallsyms sees none here.
func TestKsymsHideAddresses(t *testing.T) {
	m := newMount(t)
	needTarget(t, m, "ksym", "kernel/ksyms")
	const some = 64 << 10
	readers := map[string]func(file string) (string, error){
		"root": func(file string) (string, error) { return readSome(file, some) },
		"root without CAP_SYSLOG": func(file string) (text string, err error) {
			err = without(t, func() (err error) {
				text, err = readSome(file, some)
				return err
			}, unix.CAP_SYSLOG)
			return text, err
		},
		"root of another user namespace": func(file string) (string, error) {
			cat := exec.Command("/bin/sh", "-c", `head -c "$1" "$0"`, file, fmt.Sprint(some))
			own := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
			cat.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: own, GidMappings: own}
			out, err := cat.Output()
			return string(out), err
		},
	}
	shown := map[bool]int{}
	for _, restrict := range []string{"0", "1", "2"} {
		for _, paranoid := range []string{"1", "2"} {
			setSysctl(t, "kernel/kptr_restrict", restrict)
			setSysctl(t, "kernel/perf_event_paranoid", paranoid)
			for who, read := range readers {
				what := fmt.Sprintf("kptr_restrict %s, perf_event_paranoid %s, %s", restrict, paranoid, who)
				checkSymbols(t, what, read, m.path("kernel/ksyms"))
				text, err := read(m.path("kernel/ksyms"))
				if err != nil {
					t.Fatal(err)
				}
				shown[anAddress.MatchString(text)]++
			}
		}
	}
	if shown[true] == 0 || shown[false] == 0 {
		t.Errorf("addresses are shown in %d cases and hidden in %d", shown[true], shown[false])
	}
}

// BenchmarkKsyms reads all symbols, through the mount and from the real file.
func BenchmarkKsyms(b *testing.B) {
	m := newMount(b)
	m.read(b, "kernel/ksyms")
	buf := make([]byte, 128<<10)
	rounds(b, m, []string{"iterfs", "native"},
		func() { readThrough(b, m.path("kernel/ksyms"), buf) },
		func() { readThrough(b, "/proc/kallsyms", buf) })
}
