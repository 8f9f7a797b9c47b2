// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
)

func mountCommand() *cobra.Command {
	var daemon bool
	var o options
	cmd := &cobra.Command{
		Use:   "mount [--daemon] [-o OPTION,...] DIR",
		Short: "Mount the tree on a directory",
		Long: `Mounts the tree on DIR and serves it until it is unmounted or a SIGINT or SIGTERM
comes. A tree that is in use then is detached from DIR and served until its last
file is closed, or a second signal comes. Errors are logged on standard error, or
with --daemon by syslog.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if daemon {
				return daemonize(dir, &o)
			}
			return serve(dir, &o)
		},
	}
	cmd.Flags().VarP(&o, "option", "o", optionUsage())
	cmd.Flags().BoolVarP(&daemon, "daemon", "d", false, "serve in the background; return once the tree can be used")
	return cmd
}

// serve mounts and serves until the end, and tells a waiting parent when it can
// be used.
func serve(dir string, o *options) error {
	log, parent := logger()
	err := func() error {
		if err := needCapability(unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"); err != nil {
			return err
		}
		signals := make(chan os.Signal, 2)
		signal.Notify(signals, unix.SIGINT, unix.SIGTERM)
		s, err := newSystem()
		if err != nil {
			return err
		}
		defer s.close()
		s.view = o.view
		if err := s.loadObjects(o.iters, log); err != nil {
			return err
		}
		m, err := s.mount(dir, o, log)
		if err != nil {
			return err
		}
		parent.ready(log)
		return m.wait(signals, log)
	}()
	if err != nil {
		parent.failed(err)
	}
	return err
}

// wait returns when the tree has been unmounted.
func (m *mounted) wait(signals <-chan os.Signal, log *slog.Logger) error {
	ended := m.ended()
	select {
	case <-ended:
		return nil
	case <-signals:
	}
	tellServiceManager(sd.SdNotifyStopping, log)
	err := fs.UnmountOwn(m.dir, m.devices, false)
	if errors.Is(err, unix.EBUSY) {
		log.Warn("the tree is in use: detached, and served until its last file is closed or a second signal comes", "dir", m.dir)
		err = fs.UnmountOwn(m.dir, m.devices, true)
	}
	if err != nil {
		return err
	}
	select {
	case <-ended:
		return nil
	case s := <-signals:
		return fmt.Errorf("%v: files of the tree were still open", s)
	}
}

func umountCommand() *cobra.Command {
	var lazy bool
	cmd := &cobra.Command{
		Use:   "umount [--lazy] DIR",
		Short: "Unmount the tree from a directory; its daemon then ends",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return fs.Unmount(args[0], lazy) },
	}
	cmd.Flags().BoolVarP(&lazy, "lazy", "l", false, "also when it is in use: open files can be read to their end")
	return cmd
}
