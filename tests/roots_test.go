// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// withPaths are what tells paths in the directory of a process; of what is read, the
// lines of maps are compared.
var withPaths = []string{"readlink exe", "readlink cwd", "readlink root", "links fd", "links map_files", "read maps", "read smaps"}

// inProc are those of proc/ that are not the kernel's own.
var inProc = []string{"readlink proc/exe", "readlink proc/cwd", "readlink proc/root"}

var linesOfMaps = regexp.MustCompile(`(?m)^[0-9a-f]+-[0-9a-f]+ .*$`)

// whoSeeOtherPaths are the readers that differ in what paths and what of them they see.
func whoSeeOtherPaths(t *testing.T, m *mount) (some []*zoo.Reader) {
	for _, kind := range []string{
		"root", "user", "user with SYS_PTRACE", "root of a user namespace", "pid namespace in another",
		"mount namespace", "chrooted", "contained", "in a folder", "user in a folder", "root of a user namespace in a folder",
	} {
		if r := zoo.NewReader(t, kind, m.dir); r != nil {
			some = append(some, r)
		}
	}
	return some
}

// Paths are for each reader as its own /proc prints them: below its root directory, as
// far as they lead there, in other mount namespaces, of what was deleted.
func TestReadersSeePathsAsInProc(t *testing.T) {
	m := newSharedMount(t)
	animals := map[string]int{"kernel thread": 2}
	for _, kind := range []string{"files", "mappings", "removed program", "other root", "other user", "zombie"} {
		animals[kind] = zoo.One(t, kind)
	}
	told, foreign := 0, 0
	for _, r := range whoSeeOtherPaths(t, m) {
		animals["the reader"] = r.PID
		for kind, pid := range animals {
			number := r.NumberOf(t, pid)
			if number == "" {
				continue
			}
			for _, do := range slices.Concat(withPaths, inProc) {
				op, file, _ := strings.Cut(do, " ")
				path := "/tasks/" + number + "/" + file
				if name, is := strings.CutPrefix(file, "proc/"); is {
					if r.Level > 0 {
						continue // proc/ has the numbers of the mount
					}
					file, path = name, "/proc/"+number+"/"+name
				}
				if file == "smaps" && kind != "mappings" {
					continue // it takes long
				}
				persistently(t, func() []string {
					want, wantErr := r.Do(op, "/proc/"+number+"/"+file)
					got, gotErr := r.Do(op, r.Tree+path)
					here, _ := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, file))
					if wantErr == nil {
						told++
					}
					if here != "" && here != want && wantErr == nil {
						foreign++
					}
					if (kind == "the reader" || strings.Contains(r.Kind, "root of a")) && errors.Is(gotErr, unix.EACCES) {
						return nil // as the manual tells
					}
					if op == "read" {
						want = strings.Join(linesOfMaps.FindAllString(want, -1), "\n")
						got = strings.Join(linesOfMaps.FindAllString(got, -1), "\n")
					}
					if got != want || !errors.Is(gotErr, wantErr) {
						return []string{fmt.Sprintf("%s does %s of %s: %v, want %v: %s", r.Kind, do, kind, gotErr, wantErr, difference(got, want))}
					}
					return nil
				})
			}
		}
	}
	if told < 250 || foreign < 10 {
		t.Errorf("only %d were told, and %d in another way than to the test", told, foreign)
	}
}

// difference is where two texts of lines differ.
func difference(got, want string) string {
	theirs := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(theirs) {
			return fmt.Sprintf("more lines: %q", line)
		}
		if line != theirs[i] {
			return fmt.Sprintf("%q, want %q", line, theirs[i])
		}
	}
	return fmt.Sprintf("%d bytes, want %d", len(got), len(want))
}

// A daemon with another root directory, be it the same one in another place, shows
// paths as they are for the reader too.
func TestDaemonWithAnotherRoot(t *testing.T) {
	need.Root(t)
	root := openDir(t)
	if err := unix.Mount("/", root, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(root, unix.MNT_DETACH) })
	dir := openDir(t)
	m := &mount{dir: root + dir, log: new(bytes.Buffer)}
	m.cmd = exec.Command(binary, "mount", dir)
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	m.start(t)
	pids := map[string]int{"inside": 0, "outside": zoo.One(t, "mappings")}
	inside := exec.Command("sleep", "1000")
	inside.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	if err := inside.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		inside.Process.Kill()
		inside.Wait()
	})
	pids["inside"] = inside.Process.Pid
	for where, tree := range map[string]string{"": m.dir, root: dir} {
		show := func(command []string) string {
			cmd := exec.Command(command[0], command[1:]...)
			cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: where}
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%v: %v", cmd.Args, err)
			}
			return string(out)
		}
		for kind, pid := range pids {
			for file, command := range map[string][]string{"maps": {"grep", "^"}, "exe": {"readlink"}, "root": {"readlink"}} {
				path := fmt.Sprintf("%d/%s", pid, file)
				if got, want := show(append(command, tree+"/tasks/"+path)), show(append(command, "/proc/"+path)); got != want {
					t.Errorf("below %q, %s of what is %s: %s", where, file, kind, difference(got, want))
				}
			}
		}
	}
}

// To go to a root directory in the tree the daemon would have to ask itself.
func TestRootInTree(t *testing.T) {
	m := newMount(t)
	err := thread.Do(func() error {
		if err := errors.Join(unix.Unshare(unix.CLONE_FS), unix.Chroot(m.dir)); err != nil {
			return err
		}
		for _, file := range []string{"/tasks/files", "/tasks/self/files", "/tasks/self/environ"} {
			if fd, err := unix.Open(file, unix.O_RDONLY, 0); err != unix.EACCES {
				t.Errorf("%s: descriptor %d, %v", file, fd, err)
			}
		}
		if _, err := unix.Readlink("/tasks/self/exe", make([]byte, 8)); err != unix.EACCES {
			t.Errorf("/tasks/self/exe: %v", err)
		}
		fd, err := unix.Open("/tasks/stat", unix.O_RDONLY, 0)
		unix.Close(fd)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
