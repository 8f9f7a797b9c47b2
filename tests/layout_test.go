// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
)

// What is no process in the drop-in is the kernel's own file.
func TestProcCarriesTheNativeFiles(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	daemonOn(t, dir, "layout=proc")
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil || e.Type() == os.ModeSymlink {
			continue
		}
		files++
		want, err := os.Stat("/proc/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.Stat(filepath.Join(dir, e.Name())); err != nil || !os.SameFile(got, want) {
			t.Errorf("%s is another file: %v", e.Name(), err)
		}
	}
	if files < 10 {
		t.Errorf("/proc has only %d files", files)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Join(dir, ".native"), &fs); err != nil || fs.Type != unix.PROC_SUPER_MAGIC {
		t.Errorf(".native is a %#x, %v", fs.Type, err)
	}
}

// The first thing that is closed on a mount is a file of the daemon's own, where the
// processes have only been listed. It must not wait for itself then.
func TestListingComesFirst(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	daemonOn(t, dir, "layout=proc")
	root, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Getdents(root, make([]byte, 64<<10)); err != nil {
		t.Error(err)
	}
	unix.Close(root)
	time.Sleep(600 * time.Millisecond) // until it has let go of what it held for the scan
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "dd", "if="+filepath.Join(dir, "self/stat"), "status=none").Output()
	if err != nil || !strings.Contains(string(out), "(dd) ") {
		t.Errorf("a file is read after a listing: %q, %v", out, err)
	}
}

// A tool sees the drop-in in the place of /proc: mounted there, or bound.
func TestInThePlaceOfProc(t *testing.T) {
	places := map[string]func(t *testing.T){
		"mounted": func(t *testing.T) { daemonOn(t, "/proc", "layout=proc") },
		"bound": func(t *testing.T) {
			dir := t.TempDir()
			daemonOn(t, dir)
			if err := unix.Mount(dir+"/proc", "/proc", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { // what holds the drop-in is not the tree's to unmount
				if err := unix.Unmount("/proc", unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
		},
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			privately(t, false)
			var native, now unix.Statfs_t
			if err := unix.Statfs("/proc", &native); err != nil {
				t.Fatal(err)
			}
			place(t)
			if err := unix.Statfs("/proc", &now); err != nil || now.Type == native.Type {
				t.Fatalf("/proc is a %#x, %v", now.Type, err)
			}
			if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
				t.Errorf("self is %q, %v", self, err)
			}
			if exe, err := os.Readlink("/proc/self/exe"); err != nil || exe != os.Args[0] && filepath.Base(exe) != filepath.Base(os.Args[0]) {
				t.Errorf("self/exe is %q, %v", exe, err)
			}
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), os.O_WRONLY, 0)
			if err != nil {
				t.Fatalf("a pipe cannot be opened by its link: %v", err)
			}
			fmt.Fprint(again, "by its link")
			again.Close()
			w.Close()
			text := make([]byte, 100)
			if n, err := r.Read(text); string(text[:n]) != "by its link" {
				t.Errorf("the pipe has %q, %v", text[:n], err)
			}
			name := "/proc/thread-self/comm"
			if err := os.WriteFile(name, []byte("renamed"), 0); err != nil {
				t.Error(err)
			}
			if comm, err := os.ReadFile(name); string(comm) != "renamed\n" {
				t.Errorf("comm is %q, %v", comm, err)
			}
			// The daemon itself goes on using the kernel's: here it must, to mount.
			daemonOn(t, t.TempDir())
		})
	}
}

// A daemon that is killed leaves a /proc of which nothing can be read; the next
// takes it over.
func TestTakeoverOfProc(t *testing.T) {
	privately(t, false)
	before := mountsAt(t, "/proc")
	t.Cleanup(func() {
		if now := mountsAt(t, "/proc"); !slices.Equal(now, before) {
			t.Errorf("/proc has %q, had %q", now, before)
		}
	})
	cmd := exec.Command(binary, "mount", "-o", "layout=proc", "/proc")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		var fs unix.Statfs_t
		return unix.Statfs("/proc", &fs) == nil && fs.Type != unix.PROC_SUPER_MAGIC
	}, "not mounted")
	cmd.Process.Kill()
	cmd.Wait()
	if _, err := os.ReadFile("/proc/self/limits"); !errors.Is(err, unix.ENOTCONN) {
		t.Errorf("/proc without its daemon answers %v", err)
	}
	daemonOn(t, "/proc", "layout=proc")
	if _, err := os.ReadFile("/proc/self/limits"); err != nil {
		t.Error(err)
	}
}

// A shell works in there, and so do the programs that look at processes.
func TestShellInThePlaceOfProc(t *testing.T) {
	bash, ps := need.Tool(t, "bash", "bash"), need.Tool(t, "ps", "procps")
	privately(t, false)
	daemonOn(t, "/proc", "layout=proc")
	for script, want := range map[string]string{
		"cat <(echo one) <(echo two)":                                           "one\ntwo\n",
		"set -m; sleep 100 & jobs | grep -c Running; kill %1; wait %1; echo $?": "1\n143\n",
		"echo in | cat /dev/stdin; echo out > /dev/stdout":                      "in\nout\n",
		"cd /proc/self && pwd -P | tr -d 0-9":                                   "/proc/\n",
		"exec 3</etc/passwd; readlink /proc/$$/fd/3":                            "/etc/passwd\n",
		ps + " -o comm= -p $$; true":                                            "bash\n",
		ps + " -e -o pid= | grep -cw $$":                                        "1\n",
		"ls /proc | grep -cx -e meminfo -e self -e sys -e $$":                   "4\n",
		"test /proc/uptime -ef /proc/.native/uptime && echo the kernel\\'s":     "the kernel's\n",
	} {
		out, errs, status := output(t, exec.Command(bash, "-c", script))
		if status != 0 || out != want || errs != "" && !strings.Contains(errs, "Terminated") {
			t.Errorf("%s: status %d, %q, want %q, %q", script, status, out, want, errs)
		}
	}
}
