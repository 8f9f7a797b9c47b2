// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/loader"
	"github.com/iterfs/iterfs/loader/userobj"
)

func pinCommand() *cobra.Command {
	var mapID, pid uint32
	cmd := &cobra.Command{
		Use:   "pin [--map ID] [--pid PID] OBJECT[:PROGRAM] PATH",
		Short: "Pin an iterator program of a BPF object in a BPF filesystem",
		Long: `Loads the BPF object in the file OBJECT, attaches its iterator program PROGRAM and
pins it as PATH in a BPF filesystem, where every read of it runs the program. PROGRAM
can be left out where there is but one. rm PATH removes it.`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := needCapability(unix.CAP_BPF, "CAP_BPF and CAP_PERFMON"); err != nil {
				return err
			}
			l := loader.New()
			defer l.Close()
			o, program, err := loadProgram(l, args[0])
			if err != nil {
				return err
			}
			defer o.Close()
			path, err := filepath.Abs(args[1])
			if err != nil {
				return err
			}
			params := bpf.Params{PID: pid}
			if program.Target == "cgroup" {
				params.Order = bpf.Descendants
			}
			if slices.Contains(mapTargets, program.Target) && mapID == 0 {
				return fmt.Errorf("%s visits what a map holds: name one with --map ID", program.Name)
			}
			if mapID != 0 {
				m, err := ebpf.NewMapFromID(ebpf.MapID(mapID))
				if err != nil {
					return fmt.Errorf("map %d: %w", mapID, err)
				}
				defer m.Close()
				params.Map = m
			}
			if err := o.Pin(program, params, path); err != nil {
				return fmt.Errorf("pin %s as %s: %w", program.Name, path, err)
			}
			return nil
		},
	}
	cmd.Flags().Uint32Var(&mapID, "map", 0, "the map whose elements or sockets the program visits")
	cmd.Flags().Uint32Var(&pid, "pid", 0, "the process that the program visits")
	return cmd
}

// loadProgram loads what OBJECT[:PROGRAM] names.
func loadProgram(l *loader.Loader, name string) (*userobj.Object, *userobj.Program, error) {
	file, program := name, ""
	content, err := os.ReadFile(file)
	if i := strings.LastIndexByte(name, ':'); errors.Is(err, os.ErrNotExist) && i >= 0 {
		file, program = name[:i], name[i+1:]
		content, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, nil, err
	}
	o, err := userobj.Load(l, content)
	if err != nil {
		return nil, nil, fmt.Errorf("load %s: %w", file, err)
	}
	p := o.Program(program)
	if program == "" && len(o.Programs) == 1 {
		p = &o.Programs[0]
	}
	if p == nil {
		o.Close()
		var names []string
		for _, p := range o.Programs {
			names = append(names, file+":"+p.Name)
		}
		return nil, nil, fmt.Errorf("which program of %s: choose one of %s", name, strings.Join(names, ", "))
	}
	return o, p, nil
}
