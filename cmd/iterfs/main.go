// SPDX-License-Identifier: Apache-2.0

// Command iterfs presents the kernel's BPF iterators as a tree of files.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"
)

// The exit statuses beside 0.
const (
	exitFailure = 1
	exitUsage   = 2
)

// Main stays on the process's first thread, which does not end before the process:
// what it spawns may be told when the thread that did ends.
func init() { runtime.LockOSThread() }

func main() {
	started := false
	root := rootCommand()
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SetArgs(commandLine(root, os.Args))
	cmd, err := root.ExecuteC()
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "iterfs: %v\n", err)
	if !started {
		fmt.Fprintf(os.Stderr, "Try '%s --help'.\n", cmd.CommandPath())
		os.Exit(exitUsage)
	}
	os.Exit(exitFailure)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "iterfs",
		Short: "The kernel's BPF iterators as files",
		Long: `iterfs shows processes, BPF maps, routes and whatever else the kernel can iterate
over as a tree of files, each made by a BPF program while it is read.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(mountCommand(), umountCommand(), lsCommand(), catCommand(), pinCommand(), doctorCommand(), benchCommand(), versionCommand(),
		mountHelperCommand(), umountHelperCommand())
	root.InitDefaultCompletionCmd() // else it has it only once it runs, and the manual has not
	return root
}
