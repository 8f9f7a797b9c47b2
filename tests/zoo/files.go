// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"fmt"
	"os"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
)

// LongestPath is how long a path can be that the kernel tells: PATH_MAX without NUL.
const LongestPath = 4095

// have is for a file of a kind that every kernel has. Others may fail to open, and
// then there is none.
func have(fd int, err error) int {
	must(err)
	return fd
}

// oddNames are what file names may be.
var oddNames = []string{
	"two words", "new\nline", "tab\t\x01\x7f", `back\slash\012`, "\xff\xfe", "gone (deleted)", "Grüße", "-",
	strings.Repeat("n", 255),
}

// files has more than 500 files open, of every kind.
func files() {
	setComm("files")
	for _, name := range oddNames {
		have(create(name))
	}
	// The lengths where the programs' buffers end, and the kernel's.
	for _, length := range []int{246, 247, 248, 249, 255, 256, 257, 1000, LongestPath - 1, LongestPath, LongestPath + 1, 9000} {
		have(createDeep(length))
	}
	ordinaryFiles()
	sockets()
	anonymousFiles()
	otherMounts()
	null := have(unix.Open("/dev/null", unix.O_RDWR, 0))
	for i := range 400 {
		have(unix.FcntlInt(uintptr(i%20), unix.F_DUPFD, 0))
	}
	have(1000, unix.Dup3(null, 1000, 0))
	ready(os.Getpid())
	idle()
}

func create(name string) (int, error) {
	return unix.Open(name, unix.O_CREAT|unix.O_RDWR, 0o644)
}

// createDeep makes a file with a path of that length.
func createDeep(length int) (int, error) {
	here, err := os.Getwd()
	if err != nil {
		return -1, err
	}
	dir, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY, 0)
	for left := length - len(here); err == nil; {
		n := min(left-1, 200) // behind a slash
		if left -= 1 + n; left == 0 {
			return unix.Openat(dir, strings.Repeat("f", n), unix.O_CREAT|unix.O_RDWR, 0o644)
		}
		if left == 1 { // too little for another name
			n, left = n-1, left+1
		}
		name := strings.Repeat("d", n)
		if err = unix.Mkdirat(dir, name, 0o755); err == nil || err == unix.EEXIST {
			up := dir
			dir, err = unix.Openat(up, name, unix.O_PATH|unix.O_DIRECTORY, 0)
			unix.Close(up)
		}
	}
	return -1, err
}

// ordinaryFiles are those that have a name, or had one.
func ordinaryFiles() {
	file := have(create("file"))
	_, err := unix.Write(file, []byte("content"))
	must(err)
	for _, flags := range []int{unix.O_RDONLY, unix.O_WRONLY | unix.O_APPEND, unix.O_RDWR, unix.O_ACCMODE, unix.O_PATH} {
		have(unix.Open("file", flags, 0))
	}
	far := have(unix.Open("file", unix.O_RDONLY, 0))
	_, err = unix.Seek(far, 1<<40, unix.SEEK_SET)
	must(err)
	must(os.Mkdir("dir", 0o755))
	have(unix.Open("dir", unix.O_RDONLY, 0))
	must(os.Mkdir("removed dir", 0o755))
	have(unix.Open("removed dir", unix.O_RDONLY, 0))
	must(os.Remove("removed dir"))
	have(create("removed"))
	must(os.Remove("removed"))
	have(create("old name"))
	must(os.Rename("old name", "new name"))
	must(os.Symlink("file", "link"))
	have(unix.Open("link", unix.O_PATH|unix.O_NOFOLLOW, 0))
	must(unix.Mkfifo("fifo", 0o600))
	have(unix.Open("fifo", unix.O_RDWR, 0))
	unix.Mknod("block", unix.S_IFBLK|0o600, int(unix.Mkdev(7, 0)))
	unix.Open("block", unix.O_PATH, 0)
	unix.Open(".", unix.O_TMPFILE|unix.O_RDWR, 0o600)
	for _, name := range []string{"/proc/self/status", "/proc", "/sys/kernel", "/dev/fuse", "/dev/net/tun", "/dev/dma_heap/system"} {
		unix.Open(name, unix.O_RDONLY, 0)
	}
	master := have(unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0))
	must(unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	must(err)
	have(unix.Open(fmt.Sprintf("/dev/pts/%d", n), unix.O_RDWR|unix.O_NOCTTY, 0))
}

func sockets() {
	for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_SEQPACKET} {
		_, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
		must(err)
	}
	bound := have(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	must(unix.Bind(bound, &unix.SockaddrUnix{Name: "socket"}))
	have(unix.Open("socket", unix.O_PATH, 0)) // the name, not the socket
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM} {
			have(unix.Socket(family, kind, 0))
		}
		unix.Socket(family, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	}
	listener := have(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
	must(unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(unix.Listen(listener, 1))
	address, err := unix.Getsockname(listener)
	must(err)
	must(unix.Connect(have(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)), address))
	have(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE))
	unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	unix.Socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0)
	unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)
	var ends [2]int
	must(unix.Pipe2(ends[:], 0))
}

// anonymousFiles are those of the kernel's own, that no name leads to.
func anonymousFiles() {
	have(unix.Eventfd(3, 0))
	have(unix.EpollCreate1(0))
	have(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, 0))
	have(unix.Signalfd(-1, &unix.Sigset_t{}, 0))
	have(unix.InotifyInit1(0))
	have(unix.MemfdCreate("plain", 0))
	have(unix.MemfdCreate("a b\n\\", 0))
	have(unix.PidfdOpen(os.Getpid(), 0))
	for _, ns := range []string{"net", "mnt", "pid", "user", "uts"} {
		have(unix.Open("/proc/self/ns/"+ns, unix.O_RDONLY, 0))
	}
	_, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	must(err)
	unix.FanotifyInit(unix.FAN_CLASS_NOTIF, unix.O_RDONLY)
	unix.PerfEventOpen(&unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_DUMMY}, 0, -1, -1, 0)
	unix.Fsopen("tmpfs", 0)
	unix.Syscall(unix.SYS_MEMFD_SECRET, 0, 0, 0)
	unix.Syscall(unix.SYS_USERFAULTFD, 0, 0, 0)
	var ring [120]byte // struct io_uring_params
	unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&ring)), 0)
}

// otherMounts are files that are not below the root of who looks: in another
// mount namespace, and in a mount that is attached nowhere.
func otherMounts() {
	must(thread.Do(func() error {
		ownMounts()
		must(os.Mkdir("mount", 0o755))
		must(unix.Mount("tmpfs", "mount", "tmpfs", 0, ""))
		have(create("mount/hidden"))
		have(unix.Open("mount", unix.O_PATH, 0))
		must(unix.Mount("tmpfs", "mount", "tmpfs", 0, ""))
		have(create("mount/detached"))
		return unix.Unmount("mount", unix.MNT_DETACH)
	}))
}

// ownMounts takes the thread into a mount namespace that stays when it ends.
func ownMounts() {
	must(unix.Unshare(unix.CLONE_NEWNS))
	must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	have(unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY, 0))
}
