// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/iterfs/iterfs/internal/measure"
	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// A scanner is a program that looks at all processes, one by one. args finds it.
type scanner struct {
	name string
	args func(b *testing.B) []string
}

// repeated are those that people run again and again, or after a long time.
var repeated = []scanner{
	{"ps-ef", tool("procps", "ps", "-ef")},
	{"ps-aux", tool("procps", "ps", "aux")},
	{"pgrep", tool("procps", "pgrep", "no-such-name")},
	{"top", tool("procps", "top", "-b", "-n1")},
}

// others are those that look at more, or in another order.
var others = []scanner{
	{"pidof", tool("sysvinit-utils", "pidof", "no-such-name")},
	{"lsof", tool("lsof", "lsof", "-n")},
	{"htop", htop},
	{"psutil", psutil},
	{"gopsutil", agent("gopsutil")},
	{"node_exporter", agent("node_exporter")},
	{"ls", tool("coreutils", "ls", "/proc")},
}

func tool(debianPackage, name string, args ...string) func(b *testing.B) []string {
	return func(b *testing.B) []string {
		return append([]string{need.Tool(b, name, debianPackage)}, args...)
	}
}

// htop draws its screen once, and reads that it is to quit.
func htop(b *testing.B) []string {
	return []string{"/bin/sh", "-c", "echo q | TERM=xterm " + need.Tool(b, "htop", "htop")}
}

// psutil is that of Debian's Python, whichever other there is.
func psutil(b *testing.B) []string {
	const script = `import psutil
for p in psutil.process_iter(["pid", "name", "username", "status", "cpu_times", "memory_info"]): pass`
	python := need.Tool(b, "/usr/bin/python3", "python3-psutil")
	if exec.Command(python, "-c", "import psutil").Run() != nil {
		need.Tool(b, "psutil", "python3-psutil")
	}
	return []string{python, "-c", script}
}

// agent builds the program of that directory.
func agent(look string) func(b *testing.B) []string {
	return func(b *testing.B) []string {
		path := filepath.Join(b.TempDir(), "agent")
		if out, err := exec.Command("go", "build", "-o", path, "./agent").CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		return []string{path, look}
	}
}

// asProc makes two places: one where proc/ of the mount is /proc, and one where the
// kernel's own is.
func asProc(b *testing.B, m *mount) (ours, native *measure.Place) {
	b.Helper()
	places := make([]*measure.Place, 2)
	for i, dir := range []string{m.path("proc"), ""} {
		place, err := measure.NewPlace(dir)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(place.Close)
		places[i] = place
	}
	return places[0], places[1]
}

// benchScanners runs each of the scanners with proc/ and with /proc, at 1,000 and at
// 10,000 processes, with a pause before each run.
func benchScanners(b *testing.B, pause time.Duration, scanners []scanner) {
	for _, n := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			m := newMount(b)
			zoo.Herd(b, n)
			ours, native := asProc(b, m)
			for _, s := range scanners {
				b.Run(s.name, func(b *testing.B) {
					args := s.args(b)
					paired(b, pause, []string{"iterfs", "native"},
						measure.Timed(m.cmd.Process.Pid, ours.Programs(1, args[0], args[1:]...)),
						measure.Timed(0, native.Programs(1, args[0], args[1:]...)))
				})
			}
		})
	}
}

// BenchmarkScans runs what scans /proc as whole processes, once a second.
func BenchmarkScans(b *testing.B) {
	benchScanners(b, 500*time.Millisecond, append(repeated, others...))
}

// BenchmarkScansCold does so after ten seconds of idleness.
func BenchmarkScansCold(b *testing.B) { benchScanners(b, 5*time.Second, repeated) }

// BenchmarkLoneRead opens, reads and closes one process's stat 10,000 times where
// nothing may be older than the read.
func BenchmarkLoneRead(b *testing.B) {
	m := newMount(b, "-o", "freshness=0")
	buf := measure.Buffer()
	read := func(proc string) func() {
		path := filepath.Join(proc, strconv.Itoa(os.Getpid()), "stat")
		return func() {
			for range 10_000 {
				if err := measure.First(path, buf); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	rounds(b, m, []string{"iterfs", "native"}, read(m.path("proc")), read("/proc"))
}

// BenchmarkFirstByte opens files of all processes, at 10,000, and reads a little.
func BenchmarkFirstByte(b *testing.B) {
	m := newMount(b)
	zoo.Herd(b, 10_000)
	for _, file := range []string{"stat", "status", "table", "files"} {
		path := m.path("tasks/" + file)
		buf := make([]byte, 4096)
		b.Run(file, func(b *testing.B) {
			rounds(b, m, []string{"iterfs"}, func() {
				if err := measure.First(path, buf); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
