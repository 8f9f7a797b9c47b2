// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Animals with arguments that are odd, or that they have changed themselves.
func init() {
	maps.Copy(animals, map[string]func(){
		"empty argv":         idleAs("argv"),
		"argv of two lines":  idleAs("argv"),
		"argv of 256":        idleAs("argv"),
		"argv of 257":        idleAs("argv"),
		"argv of 4352":       idleAs("argv"),
		"argv of 4353":       idleAs("argv"),
		"short title":        func() { titled(func(argv, env int) int { return argv / 2 }) },
		"title of that size": func() { titled(func(argv, env int) int { return argv }) },
		"long title":         func() { titled(func(argv, env int) int { return argv + 50 }) },
		"endless title":      func() { titled(func(argv, env int) int { return argv + env }) },
		"title of two pages": func() { titled(func(argv, env int) int { return argv + env }) },
	})
	helpers["restless"] = restless
	helpers["faulting argv"] = func() { replaced(faulting) }
	helpers["argv on a file"] = func() { replaced(onFile) }
}

var oddArguments = map[string][]string{
	"empty argv":         {""},
	"argv of two lines":  {"two\nlines\\\n==> 1 <==\n", "", "-\n"},
	"argv of 256":        {strings.Repeat("a", 255)},
	"argv of 257":        {strings.Repeat("a", 200), strings.Repeat("b", 55)},
	"argv of 4352":       {strings.Repeat("a", 4351)},
	"argv of 4353":       {strings.Repeat("a", 4352)},
	"title of two pages": {strings.Repeat("a", 10000)},
	"faulting argv":      manyArguments,
	"restless":           {strings.Repeat("x", 300)},
	"argv on a file":     manyArguments,
	"long argv":          {"argv", strings.Repeat("x", 100_000), ""},
}

// manyArguments are short and so many that their pointers, which lie below the
// strings, take pages: nothing that the program needs is where the strings are.
var manyArguments = slices.Repeat([]string{"x"}, 2000)

// argumentMemory returns where the arguments of this process are and how long they and
// the environment behind them are.
func argumentMemory() (start uintptr, argv, env int) {
	stat, err := os.ReadFile("/proc/self/stat")
	must(err)
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var values [4]uint64
	for i := range values {
		values[i], err = strconv.ParseUint(string(fields[45+i]), 10, 64)
		must(err)
	}
	if values[1] != values[2] {
		fail(fmt.Errorf("the environment is not behind the arguments"))
	}
	return uintptr(values[0]), int(values[1] - values[0]), int(values[3] - values[2])
}

// titled overwrites its arguments with a title of that length, as setproctitle(3).
func titled(length func(argv, env int) int) {
	start, argv, env := argumentMemory()
	n := length(argv, env)
	memory := unsafe.Slice(*(**byte)(unsafe.Pointer(&start)), argv+env)
	setComm("title")
	pid := os.Getpid() // before the environment is gone
	for i := range memory[:n] {
		memory[i] = 't'
	}
	if n < argv+env {
		memory[n] = 0
	}
	ready(pid)
	idle()
}

// replacedPages are as many as the arguments, of less than a page, can lie in.
const replacedPages = 2

// replaced has replaced the pages of its arguments by something else.
func replaced(by func(start, length uintptr) error) {
	setComm("replaced")
	start, _, _ := argumentMemory()
	page := uintptr(os.Getpagesize())
	must(by(start&^(page-1), replacedPages*page))
	ready(os.Getpid())
	idle()
}

const fileEnv = "ITERFS_ZOO_FILE"

// ArgvOnFile makes a process whose arguments begin in a mapping of a file.
func ArgvOnFile(t testing.TB, path string) int {
	t.Helper()
	t.Setenv(fileEnv, path)
	return one(t, "argv on a file")
}

// FaultingArgv makes a process whose arguments begin in memory that a userfaultfd
// is to fill in, and never does.
func FaultingArgv(t testing.TB) int {
	t.Helper()
	return one(t, "faulting argv")
}

// Restless makes a process that is never the same: its name and its title, of x and y,
// grow and shrink, and what counts its switches grows.
func Restless(t testing.TB) int {
	t.Helper()
	return one(t, "restless")
}

func restless() {
	start, argv, _ := argumentMemory()
	title := unsafe.Slice(*(**byte)(unsafe.Pointer(&start)), argv)
	title[argv-1] = 'x' // without NUL at its end it is one text
	go func() {
		ready(os.Getpid())
		idle()
	}()
	for i := 0; ; i++ {
		setComm("restless"[:1+i%8])
		n := 1 + i%(argv-2)
		title[n] = 0
		for j := range n {
			title[j] = "xy"[i&1]
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func one(t testing.TB, kind string) int {
	t.Helper()
	pid, err := start(t, kind)
	if err != nil {
		t.Fatalf("no animal %q: %v", kind, err)
	}
	return pid
}

func onFile(start, length uintptr) error {
	fd, err := unix.Open(os.Getenv(fileEnv), unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return mapOver(start, length, unix.MAP_PRIVATE, fd)
}

func mapOver(start, length uintptr, flags, fd int) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_MMAP, start, length, unix.PROT_READ|unix.PROT_WRITE,
		uintptr(flags|unix.MAP_FIXED), uintptr(fd), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func faulting(start, length uintptr) error {
	const (
		uffdioAPI      = 0xc018aa3f
		uffdioRegister = 0xc020aa00
		api            = 0xaa
		missing        = 1
	)
	if err := mapOver(start, length, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1); err != nil {
		return err
	}
	fd, _, errno := unix.RawSyscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	if errno != 0 {
		return errno
	}
	hello := struct{ api, features, ioctls uint64 }{api: api}
	rawCall(unix.SYS_IOCTL, fd, uffdioAPI, uintptr(unsafe.Pointer(&hello)))
	register := struct{ start, length, mode, ioctls uint64 }{uint64(start), uint64(length), missing, 0}
	rawCall(unix.SYS_IOCTL, fd, uffdioRegister, uintptr(unsafe.Pointer(&register)))
	return nil
}
