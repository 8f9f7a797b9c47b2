// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
)

// mount(8) and umount(8) run a program for the type fuse.iterfs, which is this one
// by another name. They find it in /sbin. In most cases umount(8) of root does not
// look for more than that the type is fuse.
const (
	mountHelper     = "mount.fuse.iterfs"
	umountHelper    = "umount.fuse.iterfs"
	umountAllHelper = "umount.fuse"
)

// commandLine returns the arguments that the program was meant to be run with:
// those of a helper where it is called as one. mount.fuse3(8), where it is the
// helper for all of FUSE, runs iterfs SOURCE DIR -o OPTIONS.
func commandLine(root *cobra.Command, argv []string) []string {
	name, args := filepath.Base(argv[0]), argv[1:]
	switch name {
	case mountHelper, umountHelper:
		return append([]string{name}, args...)
	case umountAllHelper:
		return append([]string{umountHelper}, args...)
	}
	isCommand := func() bool {
		return slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == args[0] })
	}
	if len(args) == 4 && args[2] == "-o" && !isCommand() {
		return append([]string{mountHelper}, args...)
	}
	return args
}

func mountHelperCommand() *cobra.Command {
	var list string
	var sloppy, fake bool
	cmd := &cobra.Command{
		Use:    mountHelper + " SOURCE DIR",
		Short:  "What mount(8) runs for the type fuse.iterfs",
		Hidden: true,
		Args:   cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			o := options{source: args[0]}
			for word := range strings.SplitSeq(list, ",") {
				if err := o.Set(word); err != nil && word != "" && !sloppy {
					return err
				}
			}
			dir, err := filepath.Abs(args[1])
			if err != nil || fake {
				return err
			}
			return daemonize(dir, &o)
		},
	}
	cmd.Flags().StringVarP(&list, "option", "o", "", "options of the mount")
	cmd.Flags().BoolVarP(&sloppy, "sloppy", "s", false, "pass over options that are wrong")
	cmd.Flags().BoolVarP(&fake, "fake", "f", false, "check the options and mount nothing")
	addIgnored(cmd)
	return cmd
}

func umountHelperCommand() *cobra.Command {
	var lazy bool
	cmd := &cobra.Command{
		Use:    umountHelper + " DIR",
		Short:  "What umount(8) runs for the type fuse.iterfs",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			err := fs.Unmount(args[0], lazy)
			if !errors.Is(err, fs.ErrOther) {
				return err
			}
			flags := 0
			if lazy {
				flags = unix.MNT_DETACH
			}
			if err := unix.Unmount(args[0], flags); err != nil {
				return fmt.Errorf("unmount %s: %w", args[0], err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&lazy, "lazy", "l", false, "also when it is in use")
	cmd.Flags().BoolP("force", "f", false, "nothing: no server has to be waited for")
	cmd.Flags().BoolP("read-only", "r", false, "nothing: there is no data to be kept")
	addIgnored(cmd)
	return cmd
}

// addIgnored adds what both get that changes nothing here.
func addIgnored(cmd *cobra.Command) {
	cmd.Flags().BoolP("no-mtab", "n", false, "nothing: the kernel keeps the table of mounts")
	cmd.Flags().BoolP("verbose", "v", false, "nothing: there is nothing to say")
	cmd.Flags().StringP("types", "t", "", "nothing: there is one type")
}
