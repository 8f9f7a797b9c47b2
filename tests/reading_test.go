// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// stableFile makes maps, so that a file of the tree is of some length and stays
// as it is while the test reads it: /maps/table, of which it returns the path.
func stableFile(t testing.TB, m *mount, maps int) string {
	t.Helper()
	for range maps {
		one, err := ebpf.NewMap(&ebpf.MapSpec{Name: "stable", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { one.Close() })
	}
	// To load the target changes the table, and the kernel frees what an earlier test
	// had when it comes to it.
	eventually(t, func() bool {
		before := m.read(t, "maps/table")
		time.Sleep(time.Second)
		return m.read(t, "maps/table") == before
	}, "the table of maps does not come to rest")
	return m.path("maps/table")
}

func TestReadSizes(t *testing.T) {
	m := newMount(t)
	path := stableFile(t, m, 300)
	want := readIn(t, path, 128<<10)
	if len(want) < 20_000 {
		t.Fatalf("a table of %d bytes", len(want))
	}
	for _, size := range []int{1, 100, 4 << 10, 1 << 20} {
		if got := readIn(t, path, size); !bytes.Equal(got, want) {
			t.Errorf("reads of %d bytes give %d bytes, others %d, or other ones", size, len(got), len(want))
		}
	}
}

func TestPread(t *testing.T) {
	m := newMount(t)
	path := stableFile(t, m, 100)
	want := readIn(t, path, 128<<10)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		off, size := rng.IntN(len(want)+500), 1+rng.IntN(9000)
		buf := make([]byte, size)
		n, err := f.ReadAt(buf, int64(off))
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if end := min(off+size, len(want)); off >= len(want) && n != 0 || off < len(want) && !bytes.Equal(buf[:n], want[off:end]) {
			t.Fatalf("pread of %d at %d of %d gives %d bytes, or other ones", size, off, len(want), n)
		}
	}
}

// A shared descriptor is one stream: two readers in turn get all of it, in order.
func TestSharedDescriptor(t *testing.T) {
	m := newMount(t)
	path := stableFile(t, m, 100)
	want := readIn(t, path, 128<<10)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := exec.Command("true").Output() // nothing; the children below share f
	if err != nil {
		t.Fatal(err)
	}
	for {
		head := exec.Command("dd", "bs=777", "count=1", "status=none")
		head.Stdin = f
		piece, err := head.Output()
		if err != nil {
			t.Fatal(err)
		}
		if len(piece) == 0 {
			break
		}
		out = append(out, piece...)
	}
	if !bytes.Equal(out, want) {
		t.Errorf("children that share a descriptor got %d bytes, not the %d", len(out), len(want))
	}
}

func TestRewindIsFresh(t *testing.T) {
	m := newMount(t)
	f, err := os.Open(m.path("maps/table"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := ebpf.NewMap(&ebpf.MapSpec{Name: "rewound", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	after, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(before), "rewound") || !strings.Contains(string(after), "rewound") {
		t.Error("a rewind does not show what came after the first read")
	}
}

// A reader that is killed while it reads leaves nothing behind.
func TestKilledReader(t *testing.T) {
	m := newMount(t)
	stableFile(t, m, 300)
	for i := range 20 {
		reader := exec.Command("dd", "if="+m.path("maps/table"), "of=/dev/null", "bs=1", "status=none")
		if err := reader.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * time.Millisecond)
		reader.Process.Kill()
		reader.Wait()
	}
	m.settles(t)
}

func TestThousandOpensLeaveNothing(t *testing.T) {
	m := newMount(t)
	stableFile(t, m, 30)
	paths := []string{"tasks/stat", "tasks/table", "maps/table", "tasks/self/stat", "net/ipv6_route", "status", "maps/table.json"}
	for _, path := range paths {
		m.read(t, path) // loads its program
	}
	fds, links := m.fds(t), links(t)
	for i := range 1000 {
		f, err := os.Open(m.path(paths[i%len(paths)]))
		if err != nil {
			t.Fatal(err)
		}
		if i%3 > 0 { // unread, begun, or read to the end
			if _, err := f.Read(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
		}
		if i%3 > 1 {
			if _, err := io.Copy(io.Discard, f); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
	}
	m.settles(t)
	if now := m.fds(t); now > fds+2 { // the runtime may have opened an epoll
		t.Errorf("the daemon had %d descriptors before 1000 opens and has %d after", fds, now)
	}
	if now := len(linksSince(t, links)); now > 0 {
		t.Errorf("%d BPF links are left of 1000 opens", now)
	}
	goroutines, err := strconv.Atoi(m.status(t, "goroutines")[0])
	if err != nil || goroutines > 30 {
		t.Errorf("the daemon runs %d goroutines after 1000 opens (%v)", goroutines, err)
	}
}

// settles waits until no file but status is open: releases come after closes.
func (m *mount) settles(t testing.TB) {
	t.Helper()
	eventually(t, func() bool {
		open := m.status(t, "open_now") // reading status opens it, after the count was taken
		return len(open) == 1 && open[0] == "0"
	}, "files stay open")
}

func (m *mount) fds(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(m.cmd.Process.Pid) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A process that goes while its file is open is ESRCH, never an empty file.
func TestGoneProcess(t *testing.T) {
	m := newMount(t)
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	dir := m.path("tasks/" + strconv.Itoa(child.Process.Pid))
	f, err := os.Open(dir + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Read(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	child.Process.Kill()
	child.Wait()
	if n, err := f.ReadAt(make([]byte, 4096), 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("reading a gone process's stat gives %d bytes, %v", n, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a gone process's directory: %v", err)
	}
}
