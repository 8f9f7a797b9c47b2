// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"io"
	"maps"
	"os"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/thread"
)

// Animals that see other files, or other processes, than who looks at them.
func init() {
	const spaces = unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET |
		unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP
	maps.Copy(animals, map[string]func(){
		"namespaces twice": func() { inNamespaces(2, spaces) },
	})
	maps.Copy(holders, map[string]func(){
		"other root":      func() { must(unix.Chroot(".")); must(unix.Chdir("/")); changed("chroot", nil) },
		"removed program": removedProgram,
		"odd threads":     oddThreads,
	})
}

// removedProgram is a shell of which the program and the folder are gone.
func removedProgram() {
	must(os.Mkdir("here", 0o755))
	must(copyFile("/bin/sh", "here/program"))
	must(os.Chdir("here"))
	must(unix.Exec("program", []string{"sh", "-c", `rm -r ../here; echo $$ >&3; exec 3>&-; read x <&4`}, nil))
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// oddThreads has threads that differ in what processes have mostly in common.
func oddThreads() {
	setComm("odd")
	for name, change := range map[string]func() error{
		"user": func() error {
			_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 2001, 2002, 2003)
			if errno != 0 {
				return errno
			}
			return nil
		},
		"net":     func() error { return unix.Unshare(unix.CLONE_NEWNET) },
		"folder":  ownFolder,
		"files":   func() error { return unix.Unshare(unix.CLONE_FILES) },
		"idle":    func() error { return schedule(unix.SchedAttr{Policy: unix.SCHED_IDLE}) },
		"no name": func() error { setComm(""); return nil },
	} {
		changed := make(chan error)
		go thread.Do(func() error {
			setComm(name)
			changed <- change()
			idle()
			return nil
		})
		must(<-changed)
	}
	must(unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)) // the kernel takes it back where a user changes
	ready(os.Getpid())
	idle()
}

func ownFolder() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	unix.Umask(0o077)
	return unix.Chdir("/")
}
