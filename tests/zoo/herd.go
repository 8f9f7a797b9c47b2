// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Herd makes n small idle processes that live until the test ends, and returns
// the pid of their parent. They are forks of a shell, blocked in opening a FIFO,
// and each has the files open.
func Herd(t testing.TB, n int, files ...*os.File) int {
	t.Helper()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	script := `i=0; while [ $i -lt ` + strconv.Itoa(n) + ` ]; do (read x <"$0") & i=$((i+1)); done; echo done; wait`
	shell := exec.Command("/bin/sh", "-c", script, fifo)
	shell.ExtraFiles = files
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Reading a line they end, one by one, and the shell reaps them.
		if f, err := os.OpenFile(fifo, os.O_RDWR, 0); err == nil {
			go io.Copy(f, strings.NewReader(strings.Repeat("\n", 2*n)))
			defer f.Close()
		} else {
			unix.Kill(-shell.Process.Pid, unix.SIGKILL)
		}
		shell.Wait()
	})
	if _, err := io.ReadFull(out, make([]byte, len("done\n"))); err != nil {
		t.Fatalf("the herd did not gather: %v", err)
	}
	return shell.Process.Pid
}
