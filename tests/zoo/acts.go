// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// kept are the files that a reader has open.
var kept []*os.File

// act does one thing with a path.
func act(op, path string) (string, error) {
	switch op {
	case "ready":
		return "", nil
	case "read":
		content, err := os.ReadFile(path)
		return string(content), err
	case "readlink":
		return os.Readlink(path)
	case "links":
		return links(path)
	case "list":
		entries, err := os.ReadDir(path)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return strings.Join(names, "\n"), err
	case "stat":
		var st unix.Stat_t
		err := unix.Lstat(path, &st)
		return fmt.Sprintf("%o %d:%d", st.Mode, st.Uid, st.Gid), err
	case "frames":
		return frames(path)
	case "child":
		child := exec.Command("sleep", "1000")
		child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
		err := child.Start()
		return strconv.Itoa(child.Process.Pid), err
	case "open":
		f, err := os.Open(path)
		kept = append(kept, f)
		return "", err
	case "close all":
		for _, f := range kept {
			f.Close()
		}
		kept = nil
		return "", nil
	case "enter cgroup":
		err := os.WriteFile(path+"/cgroup.procs", []byte("0"), 0)
		if err == nil {
			err = unix.Unshare(unix.CLONE_NEWCGROUP)
		}
		return "", err
	case "exec":
		for name, value := range map[string]string{readerEnv: "", execEnv: path} {
			if err := os.Setenv(name, value); err != nil {
				return "", err
			}
		}
		return "", unix.Exec(path, []string{"reader"}, os.Environ())
	}
	return "", unix.EOPNOTSUPP
}

// links are those in a directory, a line each: the name, and the text or the error.
func links(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	var lines strings.Builder
	for _, e := range entries {
		text, err := os.Readlink(filepath.Join(dir, e.Name()))
		var failed *os.PathError
		if errors.As(err, &failed) {
			text = "!" + failed.Err.Error()
		}
		fmt.Fprintf(&lines, "%s %q\n", e.Name(), text)
	}
	return lines.String(), err
}

// frames returns what the pagemap in a process's directory has of its first pages.
func frames(dir string) (string, error) {
	maps, err := os.ReadFile(dir + "/maps")
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(string(maps), "-")
	address, err := strconv.ParseInt(first, 16, 64)
	if err != nil {
		return "", err
	}
	f, err := os.Open(dir + "/pagemap")
	if err != nil {
		return "", err
	}
	defer f.Close()
	var entry [8]byte // of each page
	_, err = f.ReadAt(entry[:], address/int64(os.Getpagesize())*int64(len(entry)))
	return string(entry[:]), err
}
