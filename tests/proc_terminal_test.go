// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// htop shows the zoo. It follows no link to the threads, so it shows none.
func TestProcHtop(t *testing.T) {
	htop := need.Tool(t, "htop", "htop")
	pids := zooPIDs(t)
	root := newProc(t)
	run := func(root string) string {
		cmd := over(t.Context(), root, htop, "--no-color", "--no-unicode", "--delay=3", "--sort-key=PID")
		cmd.Env = append(os.Environ(), "TERM=xterm", "HTOPRC="+filepath.Join(t.TempDir(), "htoprc"))
		return onTerminal(t, cmd, 1000, 200, func(screen string) bool { return len(zooLines(screen, pids)) >= len(pids) }, "q")
	}
	persistently(t, func() []string {
		before, got, after := run("/proc"), run(root), run("/proc")
		return compareOutput(everyone, pids, before, got, after)
	})
}

// onTerminal runs a program on a terminal of that size until the screen is complete,
// or for half a minute, then types what ends it, and returns the screen.
func onTerminal(t *testing.T, cmd *exec.Cmd, rows, columns uint16, complete func(screen string) bool, end string) string {
	t.Helper()
	master, slave := newTerminal(t, rows, columns)
	defer master.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	err := cmd.Start()
	slave.Close()
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan []byte)
	go func() {
		defer close(written)
		for {
			b := make([]byte, 64<<10)
			n, err := master.Read(b)
			if err != nil { // EIO, when the program has ended
				return
			}
			written <- b[:n]
		}
	}()
	var all []byte
	var screen string
	look, late := time.NewTicker(200*time.Millisecond), time.After(30*time.Second)
	defer look.Stop()
	for shown := false; !shown; {
		select {
		case b, running := <-written:
			if !running {
				t.Fatalf("%v ended: %v: %s", cmd.Args, cmd.Wait(), all)
			}
			all = append(all, b...)
		case <-look.C:
			screen = lastScreen(all, int(rows), int(columns))
			shown = complete(screen)
		case <-late:
			shown = true
		}
	}
	master.WriteString(end)
	for range written {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %v", cmd.Args, err)
	}
	return screen
}

func newTerminal(t *testing.T, rows, columns uint16) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	}
	if err == nil {
		slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
		t.Fatal(err)
	}
	return master, slave
}

// A piece of what a program writes to a terminal: a sequence that controls it, a
// character that does, or text.
var piece = regexp.MustCompile("\x1b\\[([?0-9;]*)([A-Za-z])|\x1b[()].|\x1b[=>]|[\r\n\b\x0e\x0f]|[^\x1b\r\n\b\x0e\x0f]+")

// lastScreen is what a terminal shows after all of that: the moves that ncurses makes
// for TERM=xterm are known here, and no colours.
func lastScreen(written []byte, rows, columns int) string {
	screen := make([][]byte, rows)
	for i := range screen {
		screen[i] = bytes.Repeat([]byte(" "), columns)
	}
	row, column := 0, 0
	for _, m := range piece.FindAllSubmatch(written, -1) {
		first, second, _ := strings.Cut(string(m[1]), ";")
		n, _ := strconv.Atoi(first)
		k, _ := strconv.Atoi(second)
		switch {
		case string(m[2]) == "H":
			row, column = max(n, 1)-1, max(k, 1)-1
		case string(m[2]) == "d":
			row = max(n, 1) - 1
		case string(m[2]) == "G":
			column = max(n, 1) - 1
		case string(m[2]) == "C":
			column += max(n, 1)
		case m[0][0] == '\r':
			column = 0
		case m[0][0] == '\n':
			row++
		case m[0][0] == '\b':
			column--
		case m[0][0] >= ' ':
			row, column = min(row, rows-1), min(column, columns-1)
			column += copy(screen[row][column:], m[0])
		}
	}
	return string(bytes.Join(screen, []byte("\n")))
}
