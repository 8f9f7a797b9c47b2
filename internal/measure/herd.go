// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// A Herd is a number of small idle processes: forks of a shell that wait to read from
// a pipe. They end when that is closed, by Close or by the end of this process.
type Herd struct {
	shell *exec.Cmd
	alive *os.File
}

// NewHerd makes n of them; each has the files open.
func NewHerd(n int, files ...*os.File) (*Herd, error) {
	script := `i=0; while [ $i -lt ` + strconv.Itoa(n) + ` ]; do (read x <&3) & i=$((i+1)); done; echo done; wait`
	h := &Herd{shell: exec.Command("/bin/sh", "-c", script)}
	waiting, alive, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer waiting.Close()
	h.alive = alive
	var complaint strings.Builder
	h.shell.Stderr = &complaint
	h.shell.ExtraFiles = append([]*os.File{waiting}, files...)
	h.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // no key of the terminal reaches them
	out, err := h.shell.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, alive.Close())
	}
	if err := h.shell.Start(); err != nil {
		return nil, errors.Join(err, alive.Close())
	}
	if _, err := io.ReadFull(out, make([]byte, len("done\n"))); err != nil {
		h.Close()
		return nil, fmt.Errorf("%d idle processes cannot be made: %s", n, strings.TrimSpace(complaint.String()))
	}
	return h, nil
}

// PID is that of their parent.
func (h *Herd) PID() int { return h.shell.Process.Pid }

// Close ends them, and returns when all have been reaped.
func (h *Herd) Close() error {
	return errors.Join(h.alive.Close(), h.shell.Wait())
}
