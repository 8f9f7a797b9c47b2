// SPDX-License-Identifier: Apache-2.0

package task

import (
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

// maxNative bounds what is read of one real file. No list of arguments that
// execve(2) takes is longer than 6 MiB, nor is any other file that is read.
const maxNative = 8 << 20

// appendNative appends the real file of a process, for the few that a program
// cannot fill a record of. A process that has gone is ESRCH, and so is one whose
// number another has by now; what is longer than any such file should be is E2BIG.
func appendNative(dst []byte, key taskTaskKey, file string) ([]byte, error) {
	dir, stat, err := openDir(key.NativeTid, key.Start)
	if err != nil {
		return dst, gone(err)
	}
	defer unix.Close(dir)
	if file == "stat" {
		return append(dst, stat...), nil
	}
	return appendFile(dst, dir, file)
}

// OpenProcess opens, by O_PATH, the real directory of a process as the daemon numbers
// it: what is opened below it is that process's. It is ENOENT when that has gone.
// Where tasks cannot be asked for by calls, that is told from another one with its
// number by the tick that they began in.
func OpenProcess(s bpf.System, process bpf.Key) (*os.File, error) {
	dir, _, err := openDir(process.ID, process.Birth)
	if err == nil {
		// Only now: whoever has the number still is the one whose directory is open.
		if err = isThere(s, process); err != nil {
			unix.Close(dir)
		}
	}
	if err == unix.ESRCH {
		err = unix.ENOENT
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(dir), "process"), nil
}

// OpenThread is OpenProcess of the directory that a thread has below its process's.
func OpenThread(s bpf.System, thread bpf.Key) (*os.File, error) {
	dir, err := OpenProcess(s, thread)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	fd, err := unix.Openat(int(dir.Fd()), threadFile(thread.ID, ""), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "thread"), nil
}

// threadFile is the path of a thread's file below its process's directory.
func threadFile(tid uint32, name string) string {
	return "task/" + strconv.FormatUint(uint64(tid), 10) + "/" + name
}

// openDir opens the directory of the task that began then, and returns the stat that
// tells so. Of a thread it is that of a process, which procfs finds though it does
// not list it: what is the thread's alone is that there too.
func openDir(pid uint32, start uint64) (dir int, stat []byte, err error) {
	dir, err = native.Openat(strconv.FormatUint(uint64(pid), 10), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, nil, err
	}
	if stat, err = statOf(dir, start); err != nil {
		unix.Close(dir)
		return -1, nil, err
	}
	return dir, stat, nil
}

// statOf reads the stat below a directory of the task that began then; ESRCH where it is
// another's.
func statOf(dir int, start uint64) ([]byte, error) {
	stat, err := appendFile(make([]byte, 0, 1024), dir, "stat")
	if err == nil && startTicks(stat) != native.StartTicks(start) {
		err = unix.ESRCH
	}
	return stat, err
}

// BeganThen reports whether an open directory of a procfs is that of a task, by the tick
// that it began in.
func BeganThen(dir int, of bpf.Key) bool {
	_, err := statOf(dir, of.Birth)
	return err == nil
}

// startTicks is field 22 of stat; 0 when that is torn.
func startTicks(stat []byte) uint64 { return native.StatNumber(stat, 22) }

func appendFile(dst []byte, dir int, name string) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return dst, gone(err)
	}
	defer unix.Close(fd)
	for start := len(dst); len(dst)-start <= maxNative; {
		dst = slices.Grow(dst, 512)
		n, err := unix.Read(fd, dst[len(dst):cap(dst)])
		if err == unix.EINTR {
			continue
		}
		if n <= 0 || err != nil {
			return dst, gone(err)
		}
		dst = dst[:len(dst)+n]
	}
	return dst, unix.E2BIG
}

// gone makes one error of those of a process that has ended.
func gone(err error) error {
	if err == unix.ENOENT {
		return unix.ESRCH
	}
	return err
}

// A patientReader reads real files that may have to wait for the process itself,
// as for its memory map while that is being changed. Whoever is not ready in time
// is not waited for again before that reading has ended.
type patientReader struct {
	read     func(dst []byte, key taskTaskKey, file string) ([]byte, error)
	patience time.Duration
	most     int // readings at a time that nobody waits for any more

	mu   sync.Mutex
	late map[taskTaskKey]bool
}

var patient = patientReader{read: appendNative, patience: time.Second, most: 64, late: map[taskTaskKey]bool{}}

type reading struct {
	text []byte
	err  error
}

// append appends a real file, or fails with EBUSY: at EAGAIN readers in Go would
// wait for ever.
func (p *patientReader) append(dst []byte, key taskTaskKey, file string) ([]byte, error) {
	p.mu.Lock()
	tooLate := p.late[key] || len(p.late) >= p.most
	p.mu.Unlock()
	if tooLate {
		return dst, unix.EBUSY
	}
	done := make(chan reading, 1)
	go func() {
		text, err := p.read(nil, key, file)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.late, key)
		done <- reading{text, err}
	}()
	timeout := time.NewTimer(p.patience)
	defer timeout.Stop()
	select {
	case r := <-done:
		return append(dst, r.text...), r.err
	case <-timeout.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case r := <-done: // just now
		return append(dst, r.text...), r.err
	default:
		p.late[key] = true
		return dst, unix.EBUSY
	}
}
