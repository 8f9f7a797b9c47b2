// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
)

func lsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls [PATH...]",
		Short: "List directories of the tree without mounting it",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"/"}
			}
			return eachPath(cmd, args, func(ctx context.Context, out *bufio.Writer, n *fs.Node) error {
				if !n.IsDir() {
					_, err := fmt.Fprintln(out, n.Path())
					return err
				}
				if len(args) > 1 {
					fmt.Fprintf(out, "%s:\n", n.Path())
				}
				nodes, err := n.List(ctx, self())
				for _, child := range nodes {
					fmt.Fprintln(out, child.Name())
				}
				return err
			})
		},
	}
}

func catCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cat PATH...",
		Short: "Print files of the tree without mounting it",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			buf := make([]byte, 128<<10)
			return eachPath(cmd, args, func(ctx context.Context, out *bufio.Writer, n *fs.Node) error {
				r, err := n.Open(ctx, self())
				if err != nil {
					return err
				}
				defer r.Close()
				for off := int64(0); ; {
					k, err := r.ReadAt(ctx, buf, off)
					if err == io.EOF {
						return nil
					}
					if err != nil {
						return err
					}
					off += int64(k)
					if _, err := out.Write(buf[:k]); err != nil {
						return err
					}
				}
			})
		},
	}
}

// eachPath calls f for each path of the tree. As with cat(1), a path that fails
// does not keep the others from being shown.
func eachPath(cmd *cobra.Command, paths []string, f func(context.Context, *bufio.Writer, *fs.Node) error) error {
	if err := needCapability(unix.CAP_BPF, "CAP_BPF and CAP_PERFMON"); err != nil {
		return err
	}
	s, err := newSystem()
	if err != nil {
		return err
	}
	defer s.close()
	tree, err := s.tree()
	if err != nil {
		return err
	}
	ctx := context.Background()
	out := bufio.NewWriterSize(os.Stdout, 128<<10)
	var failed []error
	for _, path := range paths {
		n, err := tree.Walk(ctx, self(), path)
		if err == nil {
			err = f(ctx, out, n)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", path, err))
		}
	}
	return errors.Join(append(failed, out.Flush())...)
}
