// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
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
	"github.com/iterfs/iterfs/tests/zoo"
)

// htoprc has htop show processes and their threads by number and name, and little else.
const htoprc = `htop_version=3.2.2
config_reader_min_version=3
hide_userland_threads=0
show_thread_names=1
show_program_path=0
header_layout=one_100
column_meters_0=
column_meter_modes_0=
screen:Main=PID Command
.sort_key=PID
`

// htop, which follows no links on its way to threads, shows each of a process.
func TestProcHtop(t *testing.T) {
	htop := need.Tool(t, "htop", "htop")
	pid := strconv.Itoa(zoo.One(t, "threads"))
	var rows []*regexp.Regexp
	for _, tid := range list(t, "/proc/"+pid+"/task") {
		comm := strings.TrimSpace(readFile(t, fmt.Sprintf("/proc/%s/task/%s/comm", pid, tid)))
		rows = append(rows, regexp.MustCompile(`(?m)^ *`+tid+` +`+regexp.QuoteMeta(comm)+`\b`))
	}
	if len(rows) < 4 {
		t.Fatalf("the process has only %d threads", len(rows))
	}
	for _, root := range []string{"/proc", newProc(t)} {
		cmd := over(t.Context(), root, htop, "--no-color", "--no-unicode", "--pid="+pid)
		rc := filepath.Join(t.TempDir(), "htoprc")
		if err := os.WriteFile(rc, []byte(htoprc), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(os.Environ(), "TERM=vt100", "HTOPRC="+rc)
		onTerminal(t, cmd, 100, 200, "q", func(written string) (missing string) {
			for _, row := range rows {
				if !row.MatchString(written) {
					return row.String()
				}
			}
			return ""
		})
	}
}

// control are the sequences that control a terminal; those that move or clear are told
// from those that change only what letters look like.
var (
	looks   = regexp.MustCompile("\x1b\\[[0-9;]*m|\x1b[()].|[\x0e\x0f]")
	control = regexp.MustCompile("\x1b\\[[?0-9;]*[A-Za-z]|\x1b[=>78DM]|\r")
)

// text is what a program writes to a terminal, with a new line where it moves to.
func text(written []byte) string {
	return control.ReplaceAllString(looks.ReplaceAllString(string(written), ""), "\n")
}

// onTerminal runs a program on a terminal of that size until nothing is missing in
// what it has written, then types what ends it. It is to end well.
func onTerminal(t *testing.T, cmd *exec.Cmd, rows, columns uint16, end string, missing func(written string) string) {
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
	overdue := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer overdue.Stop()
	var all []byte
	lacks := "anything"
	for b := make([]byte, 64<<10); ; {
		n, err := master.Read(b)
		if err != nil { // EIO, when the program has ended
			break
		}
		if all = append(all, b[:n]...); lacks != "" {
			if lacks = missing(text(all)); lacks == "" {
				master.WriteString(end)
			}
		}
	}
	if err := cmd.Wait(); err != nil || lacks != "" {
		t.Errorf("%v: %v; it has not written %q but\n%s", cmd.Args, err, lacks, text(all))
	}
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
