// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// Present returns nil when the running kernel has the target, an ErrAbsent that
// says why not, or the error that kept it from being found out. It loads nothing.
func (l *Loader) Present(t *bpf.Target) error {
	types, err := l.Types()
	if err != nil {
		return err
	}
	var fn *btf.Func
	var ctx *btf.Struct
	err = errors.Join(types.TypeByName("bpf_iter_"+t.Name, &fn), types.TypeByName("bpf_iter__"+t.Name, &ctx))
	switch {
	case errors.Is(err, btf.ErrNotFound):
		return fmt.Errorf("%w: this kernel has no iter/%s (it came with Linux %s, or is not configured)", ErrAbsent, t.Name, t.Since)
	case err != nil:
		return fmt.Errorf("look for iter/%s in the kernel's BTF: %w", t.Name, err)
	}
	return nil
}

// refused reports whether the kernel refuses programs of a target whatever they do.
// Some that are hardened refuse those that could write to what they visit.
func refused(target string) bool {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: target, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err == nil {
		p.Close()
	}
	return errors.Is(err, unix.EPERM)
}

// CheckKernel returns nil when the kernel has what every target needs.
func (l *Loader) CheckKernel() error {
	_, err := l.Types()
	return err
}

// Types are those of the running kernel.
func (l *Loader) Types() (*btf.Spec, error) {
	types, err := l.btf.Kernel()
	switch {
	case errors.Is(err, ebpf.ErrNotSupported):
		return nil, fmt.Errorf("%w: the kernel has no BTF of itself (/sys/kernel/btf/vmlinux): it needs CONFIG_DEBUG_INFO_BTF=y", ErrAbsent)
	case err != nil:
		return nil, fmt.Errorf("read the kernel's BTF: %w", err)
	}
	return types, nil
}

// probeTaskByTID finds out whether task iterators take a tid, as they do since
// 6.1. Before, it is not refused but ignored, so trying does not tell.
func (l *Loader) probeTaskByTID() (bool, error) {
	types, err := l.Types()
	if err != nil {
		return false, err
	}
	var info *btf.Union
	if err := types.TypeByName("bpf_iter_link_info", &info); err != nil {
		return false, fmt.Errorf("look for the parameters of task iterators: %w", err)
	}
	for _, m := range info.Members {
		if m.Name == "task" {
			return true, nil
		}
	}
	return false, nil
}

// probeSharedOnce finds out whether a run over the files of a process visits once
// those that its threads share, as since 6.7. The kernel function that tells came
// with the same release.
func (l *Loader) probeSharedOnce() (bool, error) {
	types, err := l.Types()
	if err != nil {
		return false, err
	}
	var fn *btf.Func
	err = types.TypeByName("bpf_iter_task_new", &fn)
	if errors.Is(err, btf.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// probeMaySleep finds out whether iterator programs may sleep, as since 5.18. Before,
// the kernel runs a sleepable program where it must not sleep, and some kernels
// refuse it maps. What it would sleep in came with the same release, and is not
// called on these.
func (l *Loader) probeMaySleep() (bool, error) {
	types, err := l.Types()
	if err != nil {
		return false, err
	}
	var helpers *btf.Enum
	err = types.TypeByName("bpf_func_id", &helpers)
	if errors.Is(err, btf.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(helpers.Values, func(v btf.EnumValue) bool {
		return v.Name == "BPF_FUNC_copy_from_user_task"
	}), nil
}
