// SPDX-License-Identifier: Apache-2.0

package task

import (
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// The bits of task_struct->atomic_flags, PFA_ of include/linux/sched.h.
const (
	noNewPrivs                 = 0
	storeBypassDisabled        = 3
	storeBypassForceDisabled   = 4
	indirectBranchDisabled     = 5
	indirectBranchForceDisable = 6
	storeBypassUntilExec       = 7
)

// machineValue is statusValueOf for the lines that depend on the machine too.
func machineValue(name, own string) statusValue {
	switch name {
	case "THP_enabled":
		// Without huge pages it is 0 for all; the daemon itself may be denied them.
		denied, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0)
		exist := own == "1" || err == nil && denied != 0
		return func(dst []byte, e entry[status]) []byte {
			if exist && e.rec.Mm.ThpDisabled == 0 {
				return append(dst, '1')
			}
			return append(dst, '0')
		}
	case "untag_mask":
		return func(dst []byte, e entry[status]) []byte {
			if m := e.rec.Mm.UntagMask; m != 0 {
				return bpf.AppendHex(append(dst, "0x"...), m, 1)
			}
			return append(dst, own...)
		}
	case "Speculation_Store_Bypass":
		return storeBypass(own)
	case "SpeculationIndirectBranch":
		return indirectBranch(own)
	}
	return maskValue(name, own)
}

// storeBypass follows ssb_prctl_get() of arch/x86/kernel/cpu/bugs.c: a task has a
// say where the machine leaves it to the tasks, among them the daemon.
func storeBypass(own string) statusValue {
	if !strings.HasPrefix(own, "thread ") {
		return constant(own)
	}
	return func(dst []byte, e entry[status]) []byte {
		flag := func(bit int) bool { return e.rec.Task.AtomicFlags>>bit&1 != 0 }
		switch {
		case flag(storeBypassForceDisabled):
			return append(dst, "thread force mitigated"...)
		case flag(storeBypassUntilExec):
			return append(dst, "vulnerable"...) // which status has no name for
		case flag(storeBypassDisabled):
			return append(dst, "thread mitigated"...)
		}
		return append(dst, "thread vulnerable"...)
	}
}

// indirectBranch follows ib_prctl_get(), likewise.
func indirectBranch(own string) statusValue {
	if !strings.HasPrefix(own, "conditional ") {
		return constant(own)
	}
	return func(dst []byte, e entry[status]) []byte {
		flag := func(bit int) bool { return e.rec.Task.AtomicFlags>>bit&1 != 0 }
		switch {
		case flag(indirectBranchForceDisable):
			return append(dst, "conditional force disabled"...)
		case flag(indirectBranchDisabled):
			return append(dst, "conditional disabled"...)
		}
		return append(dst, "conditional enabled"...)
	}
}

func constant(value string) statusValue {
	return func(dst []byte, _ entry[status]) []byte { return append(dst, value...) }
}

// maskValue is of the lines that are masks of CPUs and memory nodes. It is nil
// where the record has not as many bits as the kernel prints.
func maskValue(name, own string) statusValue {
	cpus := func(r *status) *mask { return (*mask)(&r.Masks.Cpus) }
	mems := func(r *status) *mask { return (*mask)(&r.Masks.Mems) }
	possible, err := ebpf.PossibleCPU()
	// What BPF maps have per CPU, and counters of pages, need CPUs without gaps too.
	if err != nil || possible > maskBits {
		return nil
	}
	format := maskFormat{bits: possible, digits: len(own) - strings.Count(own, ",")}
	if strings.HasPrefix(name, "Mems_") {
		format.bits = maskBits
	}
	if format.digits > maskBits/4 {
		return nil
	}
	switch name {
	case "Cpus_allowed":
		return func(dst []byte, e entry[status]) []byte { return format.append(dst, cpus(e.rec)) }
	case "Cpus_allowed_list":
		return func(dst []byte, e entry[status]) []byte { return format.appendList(dst, cpus(e.rec)) }
	case "Mems_allowed":
		return func(dst []byte, e entry[status]) []byte { return format.append(dst, mems(e.rec)) }
	case "Mems_allowed_list":
		return func(dst []byte, e entry[status]) []byte { return format.appendList(dst, mems(e.rec)) }
	}
	return nil
}
