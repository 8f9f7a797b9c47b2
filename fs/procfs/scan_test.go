// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A clock is a process's name that changes: this process's, to another number, of
// another length too, at times that it remembers.
type clock struct {
	mu    sync.Mutex
	ended map[string]time.Time // when a name had been replaced
	last  string
}

func newClock(t *testing.T) *clock {
	was := bytes.TrimSpace(readFile(t, "/proc/self/comm"))
	t.Cleanup(func() { setComm(t, string(was)) })
	c := &clock{ended: map[string]time.Time{}}
	c.set(t, "0")
	return c
}

func setComm(t testing.TB, name string) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/self/task/%d/comm", os.Getpid()), []byte(name), 0); err != nil {
		t.Error(err)
	}
}

func (c *clock) set(t testing.TB, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	setComm(t, name)
	c.ended[c.last] = time.Now() // now: this thread may have had to wait
	c.last = name
}

// run changes it until stop is closed.
func (c *clock) run(t testing.TB, stop <-chan struct{}) {
	for i := 1; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(rand.N(20 * time.Millisecond)):
			c.set(t, strconv.Itoa(i)+"........"[:rand.N(9)])
		}
	}
}

// age returns how long before a time the name in a stat had been replaced; 0 for one
// that was still there.
func (c *clock) age(t testing.TB, stat []byte, at time.Time) time.Duration {
	t.Helper()
	_, rest, _ := bytes.Cut(stat, []byte("("))
	name, _, complete := bytes.Cut(rest, []byte(")"))
	if !complete || !bytes.HasSuffix(stat, []byte("\n")) || bytes.IndexByte(stat, 0) >= 0 {
		t.Errorf("not a whole stat: %q", stat)
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ended, replaced := c.ended[string(name)]; replaced {
		return max(at.Sub(ended), 0)
	}
	return 0
}

// scan reads a file of every process, with the root open meanwhile or not.
func scan(t testing.TB, m *Mount, hold bool, name string, each func(pid int, content []byte)) {
	t.Helper()
	root, err := os.Open(m.Dir)
	if err != nil {
		t.Error(err)
		return
	}
	defer root.Close()
	names, err := root.Readdirnames(0)
	if err != nil {
		t.Error(err)
	}
	if !hold {
		root.Close()
	}
	for _, dir := range names {
		if pid, is := parsePID(dir); is {
			// ENOENT, ESRCH: it has ended
			if b, err := os.ReadFile(filepath.Join(m.Dir, dir, name)); err == nil {
				each(int(pid), b)
			} else if !gone(err) {
				t.Errorf("%s of %s: %v", name, dir, err)
			}
		}
	}
}

// late is how long after its time a page was dropped at most.
func (m *Mount) late() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pages.late
}

func readAt(t testing.TB, f *os.File) []byte {
	t.Helper()
	b := make([]byte, 4096)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		t.Error(err)
	}
	return b[:n]
}

func TestNoReaderSeesWhatIsTooOld(t *testing.T) {
	herd(t, 40)
	m := mounted(t, nil)
	c := newClock(t)
	stop := make(chan struct{})
	var changes, readers sync.WaitGroup
	changes.Go(func() { c.run(t, stop) })
	end := time.Now().Add(3 * time.Second)
	for i := range 4 {
		readers.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				begun := time.Now()
				scan(t, m, i%2 == 0, "stat", func(pid int, stat []byte) {
					if pid == os.Getpid() {
						if age := c.age(t, stat, begun); age > 0 {
							t.Errorf("a scan sees what was replaced %v before it", age)
						}
					}
				})
			}
		})
	}
	var oldest [2]time.Duration // of one who opens the file each time, and one who holds it
	for i := range oldest {
		readers.Go(func() {
			f, err := os.Open(m.path(os.Getpid(), "stat"))
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { f.Close() }()
			for time.Now().Before(end) && !t.Failed() {
				if i == 0 {
					f.Close()
					if f, err = os.Open(f.Name()); err != nil {
						t.Error(err)
						return
					}
				}
				begun := time.Now()
				oldest[i] = max(oldest[i], c.age(t, readAt(t, f), begun))
				time.Sleep(rand.N(10 * time.Millisecond))
			}
		})
	}
	readers.Wait()
	close(stop)
	changes.Wait()
	// On a machine that has no time for the server its drops are late.
	bound := max(m.config.Freshness, m.config.Freshness*3/4+m.late())
	for i, age := range oldest {
		if age > bound {
			t.Errorf("reader %d has seen what was %v old, the bound is %v", i, age, bound)
		}
	}
	if m.count.stores.Load() == 0 || m.count.sweeps.Load() == 0 {
		t.Error("nothing was swept or pushed")
	}
	t.Log(m.Counts())
}

// quiet waits until the kernel has been told of nothing that it would have to forget.
func (m *Mount) quiet(t testing.TB) {
	t.Helper()
	for range 200 {
		m.mu.Lock()
		quiet := m.pages.view == nil && (m.scans.window == nil || !m.scans.window.filling)
		m.mu.Unlock()
		if quiet {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it does not come to rest")
}

// After a scan the kernel still has the files, and a reader one of them open: what he
// reads is what is then, longer or shorter.
func TestHeldDescriptorIsLive(t *testing.T) {
	herd(t, 40)
	m := mounted(t, nil)
	c := newClock(t)
	f, err := os.Open(m.path(os.Getpid(), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"a", "longer", "longest of all", "short", "b"} {
		scan(t, m, true, "stat", func(int, []byte) {})
		m.quiet(t)
		for range 2 {
			c.set(t, name)
			begun := time.Now()
			if age := c.age(t, readAt(t, f), begun); age > 0 {
				t.Errorf("%q was replaced %v before", name, age)
			}
			m.quiet(t) // each page stays for the time that its reader needs
			name += "!"
		}
	}
}

func TestScansShareSweeps(t *testing.T) {
	herd(t, 40)
	m := mounted(t, nil)
	scan(t, m, true, "stat", func(int, []byte) {})
	m.quiet(t)
	before := m.count.sweeps.Load()
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() { scan(t, m, true, "stat", func(int, []byte) {}) })
	}
	readers.Wait()
	m.quiet(t)
	if sweeps := m.count.sweeps.Load() - before; sweeps > 4 {
		t.Errorf("%d sweeps for 8 scans at once", sweeps)
	}
}

// What is pushed needs no READ: but that of the first process and its neighbours.
func TestScansCostFewMessages(t *testing.T) {
	herd(t, 100)
	m := mounted(t, nil)
	fewest := 1 << 20
	for range 10 {
		reads := m.count.messages[opRead].Load()
		scan(t, m, true, "stat", func(int, []byte) {})
		fewest = min(fewest, int(m.count.messages[opRead].Load()-reads))
		m.quiet(t)
	}
	if fewest > 50 {
		t.Errorf("each scan of 100 processes has sent %d READs or more", fewest)
	}
}

// What a scan turns to when all that it has asked for before is there, is pushed too.
func TestScansThatTurnToMore(t *testing.T) {
	herd(t, 200)
	m := mounted(t, nil)
	var pids []string
	for _, name := range names(t, m.Dir) {
		if _, is := parsePID(name); is {
			pids = append(pids, name)
		}
	}
	read := func(pids []string, files ...string) {
		for _, pid := range pids {
			for _, name := range files {
				os.ReadFile(filepath.Join(m.Dir, pid, name))
			}
		}
	}
	read(pids, "stat", "statm") // then the kernel knows all
	fewest := 1 << 20
	for range 10 {
		m.quiet(t)
		read(pids[:50], "statm")
		within(t, "the window is full", func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.scans.window != nil && !m.scans.window.filling
		})
		reads := m.count.messages[opRead].Load()
		read(pids[50:], "statm", "stat")
		fewest = min(fewest, int(m.count.messages[opRead].Load()-reads))
	}
	if fewest > 75 {
		t.Errorf("of 150 processes each scan has sent %d READs or more for what it did not begin with", fewest)
	}
}

// At rest there is nothing to do.
func TestIdle(t *testing.T) {
	herd(t, 40)
	m := mounted(t, nil)
	scan(t, m, false, "stat", func(int, []byte) {})
	m.quiet(t)
	usage := func() (u unix.Rusage) {
		unix.Getrusage(unix.RUSAGE_SELF, &u)
		return u
	}
	fewest := int64(math.MaxInt64)
	for range 5 { // Go's own work is in it
		before, messages := usage(), m.total()
		time.Sleep(500 * time.Millisecond)
		fewest = min(fewest, usage().Nvcsw-before.Nvcsw)
		if m.total() != messages {
			t.Error("it goes on doing something")
		}
		if fewest <= 20 {
			return
		}
	}
	t.Errorf("it woke up %d times in half a second or more", fewest)
}

func (m *Mount) total() (n uint64) {
	for _, c := range m.Counts() {
		n += c.N
	}
	return n
}

func TestResident(t *testing.T) {
	m := mounted(t, nil)
	f, err := os.Open(m.path(os.Getpid(), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, want := range []bool{false, true, false} {
		if want {
			m.mu.Lock()
			m.hold() // no page is dropped meanwhile
			m.mu.Unlock()
			m.dropping.Lock()
			readAt(t, f)
		}
		for name, resident := range map[string]func(int) (bool, error){"cachestat": resident, "mincore": residentMapped} {
			if got, err := resident(int(f.Fd())); got != want || err != nil && err != unix.ENOSYS {
				t.Errorf("%s: %v, %v, want %v", name, got, err, want)
			}
		}
		if want {
			m.dropping.Unlock()
			m.release()
			m.quiet(t)
		}
	}
}
