// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What status shows of a task is its own and not its process's: these animals
// change that of their first thread, which main runs on.
func init() {
	maps.Copy(animals, map[string]func(){
		"groups":          func() { inGroups(100) },
		"many groups":     func() { inGroups(3000) },
		"no new privs":    func() { changed("nnp", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) },
		"seccomp":         filtered,
		"capabilities":    capabilities,
		"mitigated":       mitigated,
		"no huge pages":   func() { changed("nothp", unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0)) },
		"affinity":        affinity,
		"umask":           func() { unix.Umask(0o137); changed("umask", nil) },
		"limits":          limited,
		"memory":          memory,
		"pid namespace":   func() { inNamespaces(1, 0) },
		"pid namespaces":  func() { inNamespaces(3, 0) },
		"deep namespaces": func() { inNamespaces(10, 0) },
		"swallower":       swallower,
		"not dumpable":    func() { changed("secret", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)) },
		"tuned":           tuned,
	})
	helpers["inside"] = inside
}

// changed makes the process an idle one, unless what it did to itself failed.
func changed(comm string, err error) {
	must(err)
	setComm(comm)
	ready(os.Getpid())
	idle()
}

func rawCall(number uintptr, args ...uintptr) {
	var a [6]uintptr
	copy(a[:], args)
	if _, _, errno := unix.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
		fail(fmt.Errorf("system call %d: %w", number, errno))
	}
}

// inGroups has all user and group ids different, and n supplementary groups; its
// user has signals queued.
func inGroups(n uint32) {
	gids := make([]uint32, n)
	for i := range gids {
		gids[i] = 7*uint32(i) + 1<<31
	}
	rawCall(unix.SYS_SETGROUPS, uintptr(n), uintptr(unsafe.Pointer(&gids[0])))
	rawCall(unix.SYS_SETRESGID, 1001, 1002, 1003)
	rawCall(unix.SYS_SETFSGID, 1001)
	rawCall(unix.SYS_SETRESUID, 2001, 2002, 2003)
	rawCall(unix.SYS_SETFSUID, 2001)
	const realTime = 40
	set := unix.Sigset_t{Val: [16]uint64{1 << (realTime - 1)}}
	must(unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil))
	for range 3 {
		rawCall(unix.SYS_TGKILL, uintptr(os.Getpid()), uintptr(unix.Gettid()), realTime)
	}
	changed("groups", nil)
}

// filtered has a seccomp filter twice, which allows everything.
func filtered() {
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0x7fff0000} // SECCOMP_RET_ALLOW
	program := unix.SockFprog{Len: 1, Filter: &allow}
	for range 2 {
		must(unix.Prctl(unix.PR_SET_SECCOMP, 2, uintptr(unsafe.Pointer(&program)), 0, 0)) // SECCOMP_MODE_FILTER
	}
	changed("seccomp", nil)
}

// capabilities has another set of each kind.
func capabilities() {
	must(unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_TIME, 0, 0, 0))
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{
		{Permitted: 1<<unix.CAP_CHOWN | 1<<unix.CAP_KILL | 1<<unix.CAP_NET_RAW, Effective: 1 << unix.CAP_KILL, Inheritable: 1<<unix.CAP_CHOWN | 1<<unix.CAP_KILL},
		{Permitted: 1 << (unix.CAP_BPF - 32)},
	}
	must(unix.Capset(&header, &data[0]))
	must(unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_CHOWN, 0, 0))
	changed("caps", nil)
}

// mitigated has asked the machine not to speculate, where that is up to the task.
func mitigated() {
	must(unix.Prctl(unix.PR_SET_SPECULATION_CTRL, unix.PR_SPEC_STORE_BYPASS, unix.PR_SPEC_DISABLE, 0, 0))
	unix.Prctl(unix.PR_SET_SPECULATION_CTRL, unix.PR_SPEC_INDIRECT_BRANCH, unix.PR_SPEC_FORCE_DISABLE, 0, 0)
	changed("mitigated", nil)
}

func affinity() {
	var cpus unix.CPUSet
	cpus.Set(0)
	changed("affinity", unix.SchedSetaffinity(0, &cpus))
}

func limited() {
	for resource, limit := range map[int]unix.Rlimit{
		unix.RLIMIT_NOFILE:     {Cur: 17, Max: 1017},
		unix.RLIMIT_CORE:       {Cur: 0, Max: 1 << 50},
		unix.RLIMIT_SIGPENDING: {Cur: 5, Max: 6},
		unix.RLIMIT_AS:         {Cur: unix.RLIM_INFINITY - 1, Max: unix.RLIM_INFINITY},
	} {
		must(unix.Prlimit(0, resource, &limit, nil))
	}
	changed("limits", nil)
}

// memory has some of each kind that can be had: locked, shared, of a file, and
// more before.
func memory() {
	page := os.Getpagesize()
	take := func(pages, fd, flags int) []byte {
		m, err := unix.Mmap(fd, 0, pages*page, unix.PROT_READ|unix.PROT_WRITE, flags)
		must(err)
		for i := range pages {
			m[i*page]++
		}
		return m
	}
	must(unix.Munmap(take(500, -1, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)))
	must(unix.Mlock(take(3, -1, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)))
	take(40, -1, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	exe, err := unix.Open("/proc/self/exe", unix.O_RDONLY, 0)
	must(err)
	take(5, exe, unix.MAP_PRIVATE)
	changed("memory", nil)
}

// swallower has read and written, also by threads that have ended.
func swallower() {
	done := make(chan error)
	for range 3 {
		go func() {
			zero, err := os.Open("/dev/zero")
			if err == nil {
				_, err = zero.Read(make([]byte, 12345))
				zero.Close()
			}
			done <- err
		}()
		must(<-done)
	}
	changed("swallower", nil)
}

// tuned has other values in the files that procfs lets one write, and a timer.
func tuned() {
	for file, value := range map[string]string{
		"oom_score_adj": "500", "coredump_filter": "0x7b", "timerslack_ns": "12345", "loginuid": "1234",
	} {
		err := os.WriteFile("/proc/self/"+file, []byte(value), 0)
		if !os.IsNotExist(err) {
			must(err)
		}
	}
	var id int32
	rawCall(unix.SYS_TIMER_CREATE, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&id)))
	rawCall(unix.SYS_PERSONALITY, 0x0040000) // ADDR_NO_RANDOMIZE
	changed("tuned", nil)
}

const (
	depthEnv  = "ITERFS_ZOO_DEPTH"
	spacesEnv = "ITERFS_ZOO_SPACES"
)

// inNamespaces is a process in so many pid namespaces below this one, in a user
// namespace and a session of its own, and with each pid namespace in the others that
// spaces say.
func inNamespaces(depth int, spaces uintptr) {
	setComm("outside")
	os.Setenv(spacesEnv, strconv.Itoa(int(spaces)))
	startInside(depth, spaces|unix.CLONE_NEWUSER)
	pid := os.Getpid()
	for ; depth > 0; depth-- {
		pid = childOf(pid, insideComm(depth))
	}
	ready(pid)
	idle()
}

func insideComm(depth int) string { return "inside " + strconv.Itoa(depth) }

func startInside(depth int, spaces uintptr) {
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), kindEnv+"=inside", depthEnv+"="+strconv.Itoa(depth))
	child.ExtraFiles = []*os.File{os.NewFile(readyFD, "ready"), os.NewFile(aliveFD, "alive")}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: unix.SIGKILL, Cloneflags: spaces | unix.CLONE_NEWPID}
	if spaces&unix.CLONE_NEWUSER != 0 {
		child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{Size: 1}}
		child.SysProcAttr.GidMappings = child.SysProcAttr.UidMappings
	}
	must(child.Start())
}

// inside is started by inNamespaces, and by itself until it is deep enough.
func inside() {
	depth, err := strconv.Atoi(os.Getenv(depthEnv))
	must(err)
	spaces, err := strconv.Atoi(os.Getenv(spacesEnv))
	must(err)
	setComm(insideComm(depth))
	if spaces&unix.CLONE_NEWNS != 0 {
		must(unix.Mount("proc", "/proc", "proc", 0, "")) // where a child's number is the one seen here
	}
	if depth > 1 {
		startInside(depth-1, uintptr(spaces))
	}
	idle()
}

// childOf waits for a child of that name, and returns its number in this pid
// namespace. To start one a program may have others for a moment.
func childOf(parent int, comm string) int {
	for range 1000 {
		names, err := os.ReadDir("/proc")
		must(err)
		for _, name := range names {
			stat, _ := os.ReadFile("/proc/" + name.Name() + "/stat")
			if _, rest, ok := bytes.Cut(stat, []byte(" ("+comm+") ")); ok && bytes.HasPrefix(rest[1:], fmt.Appendf(nil, " %d ", parent)) {
				pid, err := strconv.Atoi(name.Name())
				must(err)
				return pid
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	fail(fmt.Errorf("process %d has no child %s", parent, comm))
	return 0
}
