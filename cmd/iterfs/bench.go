// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/internal/measure"
)

func benchCommand() *cobra.Command {
	var processes, runs int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench [--processes N] [--runs N] [--json] [DIR]",
		Short: "Measure iterfs on this machine against its own /proc",
		Long: `Measures what reading takes through iterfs and from the machine's own /proc, in turn,
and prints the medians: time on the wall, then CPU time of the reader and the daemon
together. Files of all processes in one read stand against a loop of open, read and
close; proc/ stands against /proc, read by the system calls of ps(1), and by ps and
top themselves where they are installed. DIR is where a tree is mounted; without
it, one is mounted for the time being. Standard error tells what is being measured.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if processes < 0 || runs < 1 {
				return errors.New("want --processes of 0 or more, --runs of 1 or more")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
			defer stop()
			b, err := newBench(args)
			if err != nil {
				return err
			}
			report, err := b.measure(ctx, processes, runs)
			if ctx.Err() != nil {
				err = errors.New("interrupted") // which is why the rest failed
			}
			if err = errors.Join(err, b.close()); err != nil {
				return err
			}
			if asJSON {
				return report.writeJSON(os.Stdout)
			}
			return report.writeText(os.Stdout)
		},
	}
	cmd.Flags().IntVar(&processes, "processes", 0, "make that many idle processes for the time being")
	cmd.Flags().IntVar(&runs, "runs", 9, "take the medians of that many runs")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// A bench has a tree to measure.
type bench struct {
	dir    string
	daemon int
	own    *exec.Cmd // the daemon, where it is our own
}

func newBench(args []string) (*bench, error) {
	if err := needCapability(unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"); err != nil {
		return nil, err
	}
	if len(args) == 1 {
		daemon, err := daemonOf(args[0])
		return &bench{dir: args[0], daemon: daemon}, err
	}
	dir, err := os.MkdirTemp("", "iterfs-bench-")
	if err != nil {
		return nil, err
	}
	own, err := spawn(dir, &options{}, unix.SIGTERM)
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return &bench{dir: dir, daemon: own.Process.Pid, own: own}, nil
}

// daemonOf asks a mounted tree who serves it.
func daemonOf(dir string) (int, error) {
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return 0, fmt.Errorf("%s is no tree of iterfs: %w", dir, err)
	}
	_, rest, _ := strings.Cut(string(status), "\npid:\t")
	pid, _, _ := strings.Cut(rest, "\n")
	return strconv.Atoi(pid)
}

// close ends the daemon, if it is our own, and with it the mount.
func (b *bench) close() error {
	if b.own == nil {
		return nil
	}
	b.own.Process.Signal(unix.SIGTERM)
	return errors.Join(b.own.Wait(), os.Remove(b.dir))
}

// measure fills a report; it makes the processes before and ends them afterwards.
func (b *bench) measure(ctx context.Context, processes, runs int) (*benchReport, error) {
	if processes > 0 {
		fmt.Fprintf(os.Stderr, "making %d processes\n", processes)
		herd, err := measure.NewHerd(processes)
		if err != nil {
			return nil, err
		}
		defer herd.Close()
	}
	comparisons, err := b.comparisons()
	if err != nil {
		return nil, err
	}
	defer comparisons.close()
	report := newBenchReport(runs)
	for _, c := range comparisons.all {
		fmt.Fprintln(os.Stderr, "measuring", c.name)
		iterfs, native := measure.Timed(b.daemon, c.iterfs), measure.Timed(0, c.native)
		if _, err := iterfs(); err != nil { // loads the programs
			return nil, err
		}
		costs, err := measure.Rounds(ctx, runs, c.pause, iterfs, native)
		if err != nil {
			return nil, err
		}
		report.add(c, costs[0], costs[1])
	}
	return report, nil
}
