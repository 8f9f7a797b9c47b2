// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/procdiff"
	"github.com/iterfs/iterfs/tests/zoo"
)

// over is a command in a mount namespace of its own, where a procfs is /proc.
func over(ctx context.Context, root string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", `mount --rbind "$0" /proc && exec "$@"`, root}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	return cmd
}

// A client is a program that tells of processes by /proc.
type client struct {
	debianPackage string
	args          []string
	// what says of which animals it tells.
	what whom
}

type whom int

const (
	everyone whom = iota // all animals
	most                 // those with files, and whose program and folder are still there: exe and cwd are followed by their text
	some                 // at least one
	noOne                // the machine: its whole output is compared
)

var clients = []client{
	{"procps", []string{"ps", "-ef"}, everyone},
	{"procps", []string{"ps", "aux"}, everyone},
	{"procps", []string{"ps", "axjf"}, everyone},
	{"procps", []string{"ps", "-eLf"}, everyone},
	{"procps", []string{"ps", "-ely"}, everyone},
	{"procps", []string{"top", "-b", "-n1", "-w512"}, everyone},
	{"procps", []string{"top", "-b", "-n1", "-w512", "-H"}, everyone},
	{"procps", []string{"pgrep", "-a", "^"}, everyone},
	{"procps", []string{"pgrep", "-lf", "threads"}, some},
	{"procps", []string{"pgrep", "-u", strconv.Itoa(zooUser)}, some},
	{"procps", []string{"free"}, noOne},
	{"procps", []string{"vmstat"}, noOne},
	{"procps", []string{"vmstat", "-s"}, noOne},
	{"procps", []string{"slabtop", "-o"}, noOne},
	{"procps", []string{"uptime"}, noOne},
	{"procps", []string{"pmap", "-X", "ZOO"}, some},
	{"procps", []string{"pwdx", "ZOO"}, everyone},
	{"sysvinit-utils", []string{"pidof", "EXE"}, some},
	{"psmisc", []string{"pstree", "-apnlt"}, everyone},
	{"psmisc", []string{"pstree", "-aplS"}, everyone},
	{"psmisc", []string{"fuser", "-v", "EXE"}, some},
	{"lsof", []string{"lsof", "-nPwp", "ZOO,"}, most},
	{"iproute2", []string{"ss", "-tuanxp"}, some},
	{"net-tools", []string{"netstat", "-tuanxp"}, some},
	{"util-linux", []string{"lslocks", "-u"}, noOne},
	{"busybox-static", []string{"busybox", "ps"}, everyone},
	{"busybox-static", []string{"busybox", "ps", "-o", "pid,ppid,pgid,sid,user,group,ruser,rgroup,comm,args,nice,tty,vsz,rss,stat"}, everyone},
	{"busybox-static", []string{"busybox", "top", "-b", "-n1"}, everyone},
	{"busybox-static", []string{"busybox", "pidof", "tests.test"}, noOne},
	{"busybox-static", []string{"busybox", "free"}, noOne},
}

// run returns what the program prints where root is /proc.
func (c client) run(t *testing.T, root string, pids []int) string {
	t.Helper()
	need.Tool(t, c.args[0], c.debianPackage)
	out, errs, _ := output(t, over(t.Context(), root, c.arguments(t, pids)...))
	return out + errs
}

// arguments puts in the processes for ZOO, and for EXE the program that most are.
func (c client) arguments(t *testing.T, pids []int) (args []string) {
	t.Helper()
	for _, a := range c.args {
		switch a {
		case "ZOO":
			args = append(args, strings.Fields(strings.Trim(fmt.Sprint(pids), "[]"))...)
		case "ZOO,":
			args = append(args, strings.ReplaceAll(strings.Trim(fmt.Sprint(pids), "[]"), " ", ","))
		case "EXE":
			exe, err := os.Readlink("/proc/self/exe")
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, exe)
		default:
			args = append(args, a)
		}
	}
	return args
}

// Programs tell of the zoo where the tree is /proc what they tell where the kernel's is.
func TestProcClients(t *testing.T) {
	animals := zoo.New(t)
	root := newProc(t)
	all := slices.Collect(maps.Values(animals))
	for _, kind := range []string{"removed program", "zombie", "killed zombie", "zombie leader"} {
		delete(animals, kind)
	}
	withPlace := slices.Collect(maps.Values(animals))
	for _, c := range clients {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			pids := all
			if c.what == most {
				pids = withPlace
			}
			c.compare(t, pids, root, c.run)
		})
	}
}

// compare compares what the program prints, however it is run on a procfs.
func (c client) compare(t *testing.T, pids []int, root string, run func(t *testing.T, root string, pids []int) string) {
	t.Helper()
	persistently(t, func() []string {
		before, got, after := run(t, "/proc", pids), run(t, root, pids), run(t, "/proc", pids)
		return compareOutput(c.what, pids, before, got, after)
	})
}

// compareOutput compares what a program printed about the zoo, line by line, word
// by word: what two runs natively agree on the third must print too.
func compareOutput(what whom, pids []int, before, got, after string) (complaints []string) {
	lines := func(s string) map[string]string { return zooLines(s, pids) }
	if what == noOne {
		lines = numberLines
	}
	b, g, a := lines(before), lines(got), lines(after)
	least := 1
	if what <= most {
		least = len(pids)
	}
	compared := map[string]bool{}
	for key, want := range b {
		agreed, any := procdiff.Agree(want, g[key], a[key])
		if !agreed {
			complaints = append(complaints, fmt.Sprintf("it prints\n%q, want\n%q", g[key], want))
		}
		if any {
			pid, _, _ := strings.Cut(key, " ")
			compared[pid] = true
		}
	}
	for key, line := range g {
		if _, there := b[key]; !there && a[key] != line {
			complaints = append(complaints, fmt.Sprintf("it prints another line: %q", line))
		}
	}
	if len(compared) < least {
		complaints = append(complaints, fmt.Sprintf("of %d animals only %d could be compared", len(pids), len(compared)))
		if len(got) < 500 {
			complaints = append(complaints, got)
		}
	}
	return complaints
}

var number = regexp.MustCompile(`\d+`)

// zooLines are the lines that name an animal, by its number and their order.
func zooLines(text string, pids []int) map[string]string {
	of := map[string][]string{}
	for line := range strings.Lines(text) {
		for _, n := range number.FindAllString(line, -1) {
			if pid, err := strconv.Atoi(n); err == nil && slices.Contains(pids, pid) {
				of[n] = append(of[n], line)
				break
			}
		}
	}
	lines := map[string]string{}
	for pid, some := range of {
		slices.Sort(some)
		for i, line := range some {
			lines[fmt.Sprintf("%s %d", pid, i)] = line
		}
	}
	return lines
}

func numberLines(text string) map[string]string {
	lines := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		lines[strconv.Itoa(i)] = line
	}
	return lines
}

// ps knows every column that it has a name for.
func TestProcEveryColumnOfPs(t *testing.T) {
	need.Tool(t, "ps", "procps")
	pids := slices.Collect(maps.Values(zoo.New(t)))
	root := newProc(t)
	list, err := exec.Command("ps", "L").Output()
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for line := range strings.Lines(string(list)) {
		// These two depend on who else has the same pages: on ps itself, and how it is run.
		if column := strings.Fields(line)[0]; column != "pss" && column != "uss" {
			columns = append(columns, column)
		}
	}
	if len(columns) < 100 {
		t.Errorf("ps has only the columns %q", columns)
	}
	for some := range slices.Chunk(columns, 16) {
		persistently(t, func() []string {
			c := client{args: []string{"ps", "-e", "-ww", "-o", "pid:10"}}
			for _, column := range some {
				c.args = append(c.args, "-o", column+":60")
			}
			before, got, after := c.run(t, "/proc", nil), c.run(t, root, nil), c.run(t, "/proc", nil)
			return compareOutput(everyone, pids, before, got, after)
		})
	}
}
