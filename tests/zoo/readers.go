// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
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

// The other user of the zoo, and one whom nothing belongs to.
const (
	userID, userGroup = 1000, 1001
	strangerID        = 4321
)

// A readerKind becomes one: attr at its start, then be.
type readerKind struct {
	attr    syscall.SysProcAttr
	depth   int // of pid namespaces, each with the attributes
	be      func()
	prepare func(t testing.TB, tree string)
	tree    string // where the tree is; "" where it is for the test
}

var readerKinds = map[string]readerKind{
	"root":                        {},
	"root without SYS_PTRACE":     {be: func() { keepOnly(^uint64(1 << unix.CAP_SYS_PTRACE)) }},
	"root without capabilities":   {be: func() { keepOnly(0) }},
	"user":                        {be: func() { become(userID, userGroup) }},
	"user with SYS_PTRACE":        {be: func() { become(userID, userGroup, unix.CAP_SYS_PTRACE) }},
	"user with DAC_READ_SEARCH":   {be: func() { become(userID, userGroup, unix.CAP_DAC_READ_SEARCH) }},
	"user with DAC_OVERRIDE":      {be: func() { become(userID, userGroup, unix.CAP_DAC_OVERRIDE) }},
	"user with PERFMON":           {be: func() { become(userID, userGroup, unix.CAP_PERFMON, unix.CAP_BPF) }},
	"user with SYSLOG":            {be: func() { become(userID, userGroup, unix.CAP_SYSLOG) }},
	"user with SYS_ADMIN":         {be: func() { become(userID, userGroup, unix.CAP_SYS_ADMIN) }},
	"stranger":                    {be: func() { become(strangerID, strangerID) }},
	"root of a user namespace":    {attr: inUserNS(0, 0)},
	"user as root of a namespace": {attr: inUserNS(userID, userGroup)},
	"user in his own namespace":   {attr: inUserNS(userID, userGroup), be: func() { keepOnly(0) }},
	"pid namespace":               {depth: 1, attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}, be: mountProc},
	"pid namespace in another":    {depth: 2, attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}, be: mountProc},
	"user in a pid namespace": {depth: 1, attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}, be: func() {
		mountProc()
		become(userID, userGroup)
	}},
	"net namespace":                        {attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}},
	"cgroup namespace":                     {attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWCGROUP}},
	"mount namespace":                      {attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}},
	"time namespace":                       {be: enterTimeNS},
	"chrooted":                             {attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}, be: chroot, tree: "/tree"},
	"contained":                            {attr: syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}, be: contain, tree: "/tree"},
	"in a folder":                          {be: enterFolder, prepare: furnishFolder, tree: "/tree"},
	"root of a user namespace in a folder": {attr: inUserNS(0, 0), be: enterFolder, prepare: furnishFolder, tree: "/tree"},
	"user in a folder": {prepare: furnishFolder, tree: "/tree", be: func() {
		enterFolder()
		become(userID, userGroup)
	}},
}

// ReaderKinds are all that NewReader makes.
func ReaderKinds() []string { return slices.Sorted(maps.Keys(readerKinds)) }

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

func inUserNS(uid, gid int) syscall.SysProcAttr {
	return syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: gid, Size: 1}},
		Credential:  &syscall.Credential{NoSetGroups: true},
	}
}

// A reader that cannot become what it is to be says so in place of an answer.
func mustBe(err error) {
	if err != nil {
		fmt.Println(strconv.Quote(err.Error()))
		os.Exit(1)
	}
}

// keepOnly gives up all effective capabilities but those in a set.
func keepOnly(set uint64) {
	setCapabilities(func(d *[2]unix.CapUserData) { d[0].Effective &= uint32(set); d[1].Effective &= uint32(set >> 32) })
}

func setCapabilities(change func(*[2]unix.CapUserData)) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	mustBe(unix.Capget(&header, &data[0]))
	change(&data)
	mustBe(unix.Capset(&header, &data[0]))
}

// become is another user without groups, that has of the capabilities these alone.
func become(uid, gid int, capabilities ...int) {
	mustBe(unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0))
	for _, call := range [][4]uintptr{
		{unix.SYS_SETGROUPS, 0, 0, 0},
		{unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)},
		{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
	} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			mustBe(errno)
		}
	}
	var set uint64
	for _, c := range capabilities {
		set |= 1 << c
	}
	setCapabilities(func(d *[2]unix.CapUserData) {
		d[0] = unix.CapUserData{Effective: uint32(set), Permitted: uint32(set)}
		d[1] = unix.CapUserData{Effective: uint32(set >> 32), Permitted: uint32(set >> 32)}
	})
}

// mountProc mounts a procfs of the reader's pid namespace, in a mount namespace of
// its own.
func mountProc() {
	mustBe(unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""))
	mustBe(unix.Mount("proc", "/proc", "proc", 0, ""))
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
	if err != nil || startOf(inner) != startOf(string(stat)) {
		return "" // it is in another one of that level
	}
	return numbers[r.Level]
}

// startOf is when a process began, by its stat.
func startOf(stat string) string { return strings.Fields(stat[strings.LastIndexByte(stat, ')'):])[20] }
