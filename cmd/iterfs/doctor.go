// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/fs"
	"github.com/iterfs/iterfs/loader"
	"github.com/iterfs/iterfs/native"
)

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Tell whether this machine can run iterfs, and which targets it has",
		Long: `Checks what iterfs needs and loads the programs of every target, a line each: ok,
absent (this kernel lacks it; not a failure), or FAIL. Exit status 1 if any fails.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			failures := 0
			report := func(what string, err error) {
				switch {
				case err == nil:
					fmt.Printf("ok      %s\n", what)
				case errors.Is(err, loader.ErrAbsent):
					fmt.Printf("absent  %s: %v\n", what, err)
				default:
					failures++
					fmt.Printf("FAIL    %s: %v\n", what, err)
				}
			}
			l := loader.New()
			defer l.Close()
			report("kernel "+kernelRelease(), nil)
			report("capabilities", needCapability(unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"))
			report("/dev/fuse", fs.CheckDevice())
			if err := l.CheckKernel(); err != nil {
				report("BTF", errors.New(err.Error())) // here not one target is absent, but all
			} else {
				report("BTF", nil)
				for _, t := range targets {
					report("target "+t.Name, l.Load(t))
				}
			}
			if failures > 0 {
				return fmt.Errorf("%d checks failed", failures)
			}
			return nil
		},
	}
}

// needCapability fails, with the remedy, unless this process has a capability or
// all of them.
func needCapability(capability int, name string) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return fmt.Errorf("read this process's capabilities: %w", err)
	}
	has := func(c int) bool { return sets[c/32].Effective&(1<<(c%32)) != 0 }
	if !has(capability) && !has(unix.CAP_SYS_ADMIN) {
		return fmt.Errorf("this needs root (%s): run it with sudo", name)
	}
	return needInitialUserNS()
}

// initialUserNS is the namespace in which capabilities are over the whole machine.
const initialUserNS = 4026531837 // PROC_USER_INIT_INO

// needInitialUserNS fails, with the remedy, where this process's capabilities are over a
// user namespace: they let it mount, and load no program.
func needInitialUserNS() error {
	is, err := native.Stat("self/ns/user")
	if errors.Is(err, os.ErrNotExist) {
		return nil // a kernel without user namespaces
	}
	if err != nil {
		return fmt.Errorf("find this process's user namespace: %w", err)
	}
	if is.Sys().(*syscall.Stat_t).Ino != initialUserNS {
		return errors.New("this needs root of the machine, and here root is that of a user namespace: run it outside of it")
	}
	return nil
}
