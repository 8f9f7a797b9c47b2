// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// animals are the kinds: each function makes its process one, and never returns.
var animals = map[string]func(){
	"plain":         idleAs("plain"),
	"two words":     idleAs("two words"),
	"parentheses":   idleAs("a) (b"),
	"newline":       idleAs("new\nline\ttab\\"),
	"nameless":      idleAs(""),
	"not UTF-8":     idleAs("\xff\xfe\x80\x01\x7fxxxxxxxxxx"),
	"long argv":     idleAs("argv"),
	"other user":    idleAs("user"),
	"threads":       threads,
	"stopped":       idleAs("stopped"),
	"traced":        traced,
	"zombie":        func() { zombie("exit 3") },
	"killed zombie": func() { zombie("kill -KILL $$") },
	"zombie leader": zombieLeader,
	"real time":     func() { scheduled(unix.SchedAttr{Policy: unix.SCHED_FIFO, Priority: 10}) },
	"round robin":   func() { scheduled(unix.SchedAttr{Policy: unix.SCHED_RR, Priority: 99}) },
	"deadline": func() {
		scheduled(unix.SchedAttr{Policy: unix.SCHED_DEADLINE, Runtime: 1e6, Deadline: 1e8, Period: 1e9})
	},
	"batch":       func() { scheduled(unix.SchedAttr{Policy: unix.SCHED_BATCH, Nice: 5}) },
	"idle policy": func() { scheduled(unix.SchedAttr{Policy: unix.SCHED_IDLE, Nice: -20}) },
	"signals":     signals,
	"terminal":    terminal,
}

func arguments(kind string) []string {
	if odd := oddArguments[kind]; odd != nil {
		return odd
	}
	return []string{kind}
}

func attributes(kind string) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{}
	if kind == "other user" {
		attr.Credential = &syscall.Credential{Uid: 1000, Gid: 1001, Groups: []uint32{4, 24, 100}}
	}
	return attr
}

func idleAs(comm string) func() {
	return func() {
		setComm(comm)
		ready(os.Getpid())
		idle()
	}
}

// fail tells the keeper why this animal cannot be.
func fail(err error) {
	fmt.Fprintf(os.NewFile(readyFD, "ready"), "!%v\n", err)
	os.Exit(1)
}

func must(err error) {
	if err != nil {
		fail(err)
	}
}

// burn uses CPU time, in user mode and in the kernel.
func burn(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
		for range 1000 {
			unix.Getppid()
		}
	}
}

// threads has threads with names of their own that have used CPU time: some live,
// some have ended and left their time to the process.
func threads() {
	setComm("threads")
	var started sync.WaitGroup
	for i := range 6 {
		started.Add(1)
		go func() {
			runtime.LockOSThread() // a thread that is not unlocked ends with its goroutine
			setComm(fmt.Sprintf("thread %d", i))
			burn(time.Duration(10+10*i) * time.Millisecond)
			started.Done()
			if i%2 == 0 {
				idle()
			}
		}()
	}
	started.Wait()
	burn(20 * time.Millisecond)
	ready(os.Getpid())
	idle()
}

// zombie has a child that has ended and that nobody reaps.
func zombie(script string) {
	setComm("keeper")
	child := exec.Command("/bin/sh", "-c", script)
	must(child.Start())
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child.Process.Pid))
		must(err)
		if bytes.Contains(stat, []byte(") Z ")) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	ready(child.Process.Pid)
	idle()
}

// zombieLeader is a process whose first thread has ended while others live.
func zombieLeader() {
	setComm("leader")
	go func() {
		runtime.LockOSThread()
		burn(10 * time.Millisecond)
		for {
			stat, err := os.ReadFile("/proc/self/stat")
			must(err)
			if bytes.Contains(stat, []byte(") Z ")) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		ready(os.Getpid())
		idle()
	}()
	unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // not raw: the runtime would look after a thread that it takes for running
}

// traced is a child that its tracer holds in a stop.
func traced() {
	setComm("tracer")
	child := exec.Command("/bin/sh", "-c", "read x")
	child.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: unix.SIGKILL}
	must(child.Start()) // stopped at its exec; this thread is the tracer
	ready(child.Process.Pid)
	idle()
}

func scheduled(attr unix.SchedAttr) { changed("scheduled", schedule(attr)) }

func schedule(attr unix.SchedAttr) error {
	attr.Size = unix.SizeofSchedAttr
	return unix.SchedSetAttr(0, &attr, 0)
}

// signals has some ignored, some caught, some blocked, and one pending.
func signals() {
	setComm("signals")
	signal.Ignore(unix.SIGHUP, unix.SIGUSR2)
	var set unix.Sigset_t
	set.Val[0] = 1<<(unix.SIGUSR1-1) | 1<<(unix.SIGALRM-1)
	must(unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil))
	must(unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGUSR1))
	ready(os.Getpid())
	idle()
}

// terminal leads a session with a controlling terminal.
func terminal() {
	setComm("terminal")
	_, err := unix.Setsid()
	must(err)
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0)
	must(err)
	must(unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	must(err)
	slave, err := unix.Open(fmt.Sprintf("/dev/pts/%d", n), unix.O_RDWR|unix.O_NOCTTY, 0)
	must(err)
	must(unix.IoctlSetInt(slave, unix.TIOCSCTTY, 0))
	ready(os.Getpid())
	idle()
}

func prctlName(name []byte) error {
	return unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0)
}

// settle waits until a process is idle: its stat stays as it is.
func settle(pid int) error {
	var last []byte
	for range 500 {
		now, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return err
		}
		if bytes.Equal(now, last) {
			return nil
		}
		last = now
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("process %d never comes to rest", pid)
}
