// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/procdiff"
	"github.com/iterfs/iterfs/tests/zoo"
)

// compareProcesses compares directories of processes, as a user sees them, with those
// of procfs.
func compareProcesses(t *testing.T, m *mount, trees []string, uid, gid uint32) {
	t.Helper()
	compareWithProc(t, procdiff.Comparison{
		Root: m.path("tasks"), Trees: trees, Texts: true, UID: uid, GID: gid,
		Added: []string{"threads", "threads.json", "files", "files.json", "sockets", "sockets.json", "vmas", "vmas.json", "iters"},
	})
}

// Everything in the directory of a process is as in that of procfs: what iterators
// make, what is passed through, and what cannot be read.
func TestProcessDirectories(t *testing.T) {
	compareProcesses(t, newMount(t), processTrees(t), 0, 0)
}

// So it is for another user, to whom the kernel shows less.
func TestProcessDirectoriesOfAnotherUser(t *testing.T) {
	m := newSharedMount(t)
	var trees []string
	for _, kind := range []string{"other user", "plain", "zombie", "capabilities"} {
		trees = append(trees, strconv.Itoa(zoo.One(t, kind)))
	}
	compareProcesses(t, m, append(trees, trees[0]+"/net"), zooUser, zooGroup)
}

// What is passed through, each kind of reader is told or refused by the kernel.
func TestReadersOfWhatIsPassedThrough(t *testing.T) {
	m := newSharedMount(t)
	animals := map[string]int{"kernel thread": 2, "the daemon": m.cmd.Process.Pid}
	for _, kind := range []string{"plain", "other user", "zombie", "capabilities", "pid namespace"} {
		animals[kind] = zoo.One(t, kind)
	}
	told, refused := 0, 0
	for _, r := range readers(t, m) {
		if r.Tree != m.dir || r.Kind == "cgroup namespace" || r.Level > 0 && need.OlderThan(6, 17) {
			continue // to whom procfs shows other paths, or other numbers
		}
		child, err := r.Do("child", "")
		if err != nil {
			t.Fatal(err)
		}
		numbers := map[string]string{"the reader": r.NumberOf(t, r.PID), "its child": child}
		for kind, pid := range animals {
			numbers[kind] = r.NumberOf(t, pid)
		}
		for kind, number := range numbers {
			if number == "" {
				continue // it is not there for him
			}
			for _, do := range []string{
				"readlink exe", "readlink cwd", "readlink fd/0", "readlink ns/net", "list fd", "list fdinfo", "list ns", "list map_files", "list attr",
				"read auxv", "read personality", "read stack", "read wchan", "read mountinfo", "read oom_score_adj", "read fdinfo/0", "read limits", "read mountstats", "read timerslack_ns", "frames",
				"read task/#/children", "read timers", "list task", "readlink ns/pid",
			} {
				op, name, _ := strings.Cut(strings.ReplaceAll(do, "#", number), " ")
				// The manual tells that these are refused more.
				strict := kind == "the daemon" || kind == "the reader"
				able := strings.Contains(r.Kind, "root of a") && name == "timerslack_ns"
				persistently(t, func() []string {
					want, wantErr := r.Do(op, "/proc/"+number+"/"+name)
					got, gotErr := r.Do(op, m.dir+"/tasks/"+number+"/"+name)
					switch {
					case wantErr == nil:
						told++
					default:
						refused++
					}
					if strict && errors.Is(gotErr, unix.EACCES) || able && errors.Is(gotErr, unix.EPERM) {
						return nil
					}
					if kind == "the reader" && (name == "stack" || name == "wchan") { // it waits for the answer
						want, got = "", ""
					}
					if kind == "the daemon" && strings.HasPrefix(do, "list") { // it is at work
						want, got = "", ""
					}
					if got != want || !errors.Is(gotErr, wantErr) {
						return []string{fmt.Sprintf("%s does %s of %s: %q, %v, want %q, %v", r.Kind, do, kind, got, gotErr, want, wantErr)}
					}
					return nil
				})
			}
		}
	}
	if told < 500 || refused < 200 {
		t.Errorf("only %d were told, %d refused", told, refused)
	}
}

// processTrees are all animals or, where these take minutes, a few.
func processTrees(t *testing.T) (trees []string) {
	kinds := map[string]int{}
	if os.Getenv("ITERFS_VM") != "" {
		for _, kind := range []string{"zombie leader", "zombie", "stopped"} {
			kinds[kind] = zoo.One(t, kind)
		}
	} else {
		kinds = zoo.New(t)
		trees = append(threadTrees(t, kinds), fmt.Sprintf("%d/net", kinds["other user"]), fmt.Sprintf("%d/net", kinds["zombie"]))
	}
	kinds["kernel thread"] = 2
	for _, pid := range kinds {
		trees = append(trees, strconv.Itoa(pid))
	}
	return trees
}

// thread-self is the thread that asks.
func TestThreadSelf(t *testing.T) {
	m := newMount(t)
	pid := strconv.Itoa(os.Getpid())
	tids := map[string]bool{}
	for range 20 {
		link, err := os.Readlink(m.path("tasks/thread-self"))
		process, tid, found := strings.Cut(link, "/task/")
		if err != nil || !found || process != pid {
			t.Fatalf("thread-self is %q, %v", link, err)
		}
		tids[tid] = true
	}
	for tid := range tids {
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%s", tid)); err != nil {
			t.Errorf("no thread %s: %v", tid, err)
		}
	}
}

// A thread is found in the directory of its own process, by its number.
func TestThreadDirectories(t *testing.T) {
	m := newMount(t)
	pid := zoo.One(t, "threads")
	for _, name := range []string{strconv.Itoa(os.Getpid()), "1", "0", "01", "-1", "x", "4294967297", "0" + strconv.Itoa(pid)} {
		path := fmt.Sprintf("%d/task/%s", pid, name)
		_, want := os.Stat("/proc/" + path)
		if _, err := os.Stat(m.path("tasks/" + path)); !errors.Is(want, unix.ENOENT) || !errors.Is(err, unix.ENOENT) {
			t.Errorf("%s: %v, in procfs %v", path, err, want)
		}
	}
}

// A process that ends takes its names along; what was open tells of it, as natively.
func TestEndedProcessDirectory(t *testing.T) {
	m := newMount(t)
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(child.Process.Pid)
	type opened struct {
		name       string
		real, ours *os.File
	}
	var files []opened
	for _, name := range []string{"stat", "environ", "maps", "mountinfo", "oom_score", "task/" + pid + "/stat", "task/" + pid + "/children", "wchan", "syscall", "fdinfo", "task", "attr", "ns", "."} {
		real, err := os.Open("/proc/" + pid + "/" + name)
		if err != nil {
			continue // another kernel
		}
		ours, err := os.Open(m.path("tasks/" + pid + "/" + name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer real.Close()
		defer ours.Close()
		files = append(files, opened{name, real, ours})
	}
	child.Process.Kill()
	child.Wait()
	answer := func(f *os.File) (errno unix.Errno) {
		info, _ := f.Stat()
		var err error
		if info != nil && info.IsDir() {
			_, err = f.Readdirnames(-1)
		} else {
			_, err = io.ReadAll(f)
		}
		errors.As(err, &errno)
		return errno
	}
	for _, f := range files {
		var want, got unix.Stat_t
		if unix.Fstat(int(f.real.Fd()), &want) == nil {
			if err := unix.Fstat(int(f.ours.Fd()), &got); err != nil || got.Mode != want.Mode || got.Uid != want.Uid || got.Size != want.Size {
				t.Errorf("%s of an ended process: mode %o, owner %d, size %d, want %o, %d, %d: %v", f.name, got.Mode, got.Uid, got.Size, want.Mode, want.Uid, want.Size, err)
			}
		}
		if want, got := answer(f.real), answer(f.ours); got != want {
			t.Errorf("%s of an ended process: %v, want %v", f.name, got, want)
		}
		if _, err := os.Lstat(m.path("tasks/" + pid + "/" + f.name)); !errors.Is(err, unix.ENOENT) {
			t.Errorf("%s of an ended process is still there: %v", f.name, err)
		}
	}
}

// The directory net of a process is of its network namespace, whoever reads.
func TestNetworkOfProcess(t *testing.T) {
	m := newMount(t)
	ns := zoo.NewNetNS(t)
	ns.TCP(t)
	ns.UDP(t)
	ns.Unix(t, t.TempDir())
	child := exec.Command("sleep", "1000")
	if err := ns.Do(child.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		child.Process.Kill()
		child.Wait()
	})
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6", "unix", "netlink", "ipv6_route", "dev", "if_inet6", "snmp"} {
		path := fmt.Sprintf("%d/net/%s", child.Process.Pid, name)
		persistently(t, func() []string {
			before := readFile(t, "/proc/"+path)
			if before == "" {
				return []string{path + " has nothing to compare"}
			}
			return sameSockets(path, before, readFile(t, m.path("tasks/"+path)), readFile(t, "/proc/"+path))
		})
	}
}
