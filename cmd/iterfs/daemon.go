// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"os"
	"os/exec"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/native"
)

// readyEnv marks the process that --daemon has started; it reports on readyFD.
const (
	readyEnv = "ITERFS_READY"
	readyFD  = 3
)

// daemonize starts a daemon that outlives this process.
func daemonize(dir string, o *options) error {
	daemon, err := spawn(dir, o, 0)
	if err != nil {
		return err
	}
	return daemon.Process.Release()
}

// spawn starts this program again in a session of its own and waits until the tree
// can be used, or for the error that kept it. It gets the signal, if not 0, when the
// thread that calls ends.
func spawn(dir string, o *options, ended unix.Signal) (*exec.Cmd, error) {
	exe, err := native.Readlink("self/exe") // /proc may be what a killed daemon left
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	args := []string{"mount"}
	if list := o.String(); list != "" {
		args = append(args, "-o", list)
	}
	cmd := exec.Command(exe, append(args, "--", dir)...)
	cmd.Args[0] = "iterfs" // and not the name of a helper
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), readyEnv+"=1")
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Pdeathsig: ended}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return nil, err
	}
	report, err := io.ReadAll(r)
	switch {
	case err != nil:
		return nil, err
	case string(report) == "ready":
		return cmd, nil
	case len(report) > 0:
		err = errors.New(string(report))
	default:
		err = errors.New("the daemon ended before the tree could be used")
	}
	return nil, errors.Join(err, ignoreExit(cmd.Wait()))
}

// ignoreExit drops the news that a process which reported an error failed.
func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// parent is the process that waits for a daemon; nil in the foreground, where the
// service manager may wait.
type parent struct{ pipe *os.File }

// logger returns where sentences go, and the parent that waits for the tree.
func logger() (*slog.Logger, *parent) {
	if os.Getenv(readyEnv) == "" {
		return slog.New(slog.NewTextHandler(os.Stderr, nil)), nil
	}
	os.Unsetenv(readyEnv)
	unix.CloseOnExec(readyFD)
	p := &parent{pipe: os.NewFile(readyFD, "ready")}
	w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_ERR, "iterfs")
	if err != nil {
		// No syslog runs here. The file status has the last error and the counts.
		return slog.New(slog.DiscardHandler), p
	}
	return slog.New(slog.NewTextHandler(w, nil)), p
}

func (p *parent) ready(log *slog.Logger) {
	if p == nil {
		tellServiceManager(sd.SdNotifyReady, log)
	}
	p.report("ready")
}

// tellServiceManager tells systemd, where it has started this process as a service of
// Type=notify, and is nothing elsewhere.
func tellServiceManager(state string, log *slog.Logger) {
	if _, err := sd.SdNotify(false, state); err != nil {
		log.Warn("the service manager cannot be told", "state", state, "error", err)
	}
}

func (p *parent) failed(err error) { p.report(fmt.Sprint(err)) }

// report tells the parent once; what comes later has the log.
func (p *parent) report(text string) {
	if p == nil || p.pipe == nil {
		return
	}
	p.pipe.WriteString(text)
	p.pipe.Close()
	p.pipe = nil
}
