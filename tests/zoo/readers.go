// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A Reader is a process that reads for a test as somebody else: another user, with
// other capabilities, in other namespaces. Each has a procfs of its own pid
// namespace at /proc.
type Reader struct {
	Kind  string
	PID   int    // in the test's pid namespace
	Level int    // of its pid namespace below that
	Tree  string // where it has the tree of the test
	ask   io.WriteCloser
	told  *bufio.Reader
	cmd   *exec.Cmd
}

// End ends it before the test does.
func (r *Reader) End() {
	r.ask.Close()
	r.cmd.Wait()
}

const (
	readerEnv = "ITERFS_ZOO_READER"
	treeEnv   = "ITERFS_ZOO_TREE"
)

// execEnv is the program's path in the environment of what a Reader has exec'd.
const execEnv = "ITERFS_ZOO_EXECED"

func init() { helpers["reader"] = reader }

// NewReader makes one that ends with the test, and has the directory tree. It is nil
// where the sandbox does not allow such a process, as the test's log says.
func NewReader(t testing.TB, kind, tree string) *Reader {
	t.Helper()
	k, known := readerKinds[kind]
	if !known {
		t.Fatalf("no reader is a %q", kind)
	}
	if k.prepare != nil {
		k.prepare(t, tree)
	}
	cmd := readerCommand(kind, k.depth, &k.attr)
	cmd.Env = append(cmd.Env, treeEnv+"="+tree)
	cmd.Stderr = os.Stderr
	ask, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	told, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Logf("no reader %q: %v", kind, err)
		return nil
	}
	r := &Reader{Kind: kind, PID: cmd.Process.Pid, Level: k.depth, Tree: cmp.Or(k.tree, tree), ask: ask, told: bufio.NewReader(told), cmd: cmd}
	t.Cleanup(r.End)
	if _, err := r.Do("ready", ""); err != nil {
		t.Logf("no reader %q: %v", kind, err)
		return nil
	}
	for range k.depth - 1 {
		r.PID = onlyChild(t, r.PID)
	}
	return r
}

func onlyChild(t testing.TB, pid int) int {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.Fields(string(children))[0])
	if err != nil {
		t.Fatal(err)
	}
	return child
}

func readerCommand(kind string, depth int, attr *syscall.SysProcAttr) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), kindEnv+"=reader", readerEnv+"="+kind, depthEnv+"="+strconv.Itoa(depth))
	cmd.Args = []string{"reader"}
	own := *attr
	own.Pdeathsig = unix.SIGKILL
	cmd.SysProcAttr = &own
	return cmd
}

// reader is the process itself: it does what it is asked, line by line.
func reader() {
	k := readerKinds[os.Getenv(readerEnv)]
	if depth, _ := strconv.Atoi(os.Getenv(depthEnv)); depth > 1 {
		mountProc()
		inner := readerCommand(os.Getenv(readerEnv), depth-1, &k.attr)
		inner.Stdin, inner.Stdout, inner.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := inner.Run(); err != nil {
			fmt.Println(strconv.Quote(err.Error()))
		}
		os.Exit(0)
	}
	if k.be != nil {
		k.be()
	}
	if os.Getenv(execEnv) != "" {
		fmt.Printf("0 %q\n", "")
	}
	runtime.LockOSThread() // what it becomes later, the thread becomes
	requests := bufio.NewReader(os.Stdin)
	for {
		line, err := requests.ReadString('\n')
		if err != nil {
			os.Exit(0)
		}
		op, arg, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		content, err := act(op, arg)
		var errno unix.Errno
		if err != nil && !errors.As(err, &errno) {
			errno = unix.EBADMSG
		}
		fmt.Printf("%d %q\n", errno, content)
	}
}

// Do has the reader do something with a path: read, readlink, list or stat it, read the links in it, or exec
// it, which is to be a copy of this program; tell the frames of a process by its
// directory; open it, and close all that it has open; "enter cgroup", and make that the root of a namespace; or start a child,
// whose number it tells. The error is the errno that it met with.
func (r *Reader) Do(op, path string) (string, error) {
	if _, err := fmt.Fprintf(r.ask, "%s\t%s\n", op, path); err != nil {
		return "", err
	}
	line, err := r.told.ReadString('\n')
	if err != nil {
		return "", err
	}
	number, quoted, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	content, err := strconv.Unquote(quoted)
	if err != nil {
		return "", fmt.Errorf("the reader says %q", line)
	}
	if errno, err := strconv.Atoi(number); err != nil || errno != 0 {
		return content, unix.Errno(errno)
	}
	return content, nil
}

// NumberOf is the number that the reader knows a process by: its own procfs has what
// began at that time under its number of that level; "" where there is none.
func (r *Reader) NumberOf(t testing.TB, pid int) string {
	t.Helper()
	if r.Level == 0 {
		return strconv.Itoa(pid)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nNSpid:\t")
	line, _, _ := strings.Cut(rest, "\n")
	numbers := strings.Fields(line)
	if len(numbers) <= r.Level {
		return ""
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	inner, err := r.Do("read", fmt.Sprintf("/proc/%s/stat", numbers[r.Level]))
	if err != nil || StartOf(inner) != StartOf(string(stat)) {
		return "" // it is in another one of that level
	}
	return numbers[r.Level]
}

// StartOf is when a process began, in ticks, by its stat.
func StartOf(stat string) string { return strings.Fields(stat[strings.LastIndexByte(stat, ')'):])[20] }
