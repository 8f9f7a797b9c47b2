// SPDX-License-Identifier: Apache-2.0

package task

import (
	"strconv"

	"github.com/iterfs/iterfs/bpf"
)

type status = taskStatusRecord

// statusNumbers are the lines of status that are a number.
var statusNumbers = map[string]func(r *status) uint64{
	"Tgid":                       func(r *status) uint64 { return uint64(r.Task.Key.Tgid) },
	"Ngid":                       func(r *status) uint64 { return uint64(r.Task.Ngid) },
	"Pid":                        func(r *status) uint64 { return uint64(r.Task.Key.Tid) },
	"PPid":                       func(r *status) uint64 { return uint64(r.Task.Ppid) },
	"TracerPid":                  func(r *status) uint64 { return uint64(r.Task.Tracer) },
	"FDSize":                     func(r *status) uint64 { return uint64(r.Task.FdSize) },
	"Kthread":                    func(r *status) uint64 { return uint64(r.Task.Flags >> 21 & 1) }, // PF_KTHREAD
	"CoreDumping":                func(r *status) uint64 { return uint64(r.Mm.DumpingCore) },
	"Threads":                    func(r *status) uint64 { return uint64(r.Task.Threads) },
	"NoNewPrivs":                 func(r *status) uint64 { return r.Task.AtomicFlags >> noNewPrivs & 1 },
	"Seccomp":                    func(r *status) uint64 { return uint64(r.Task.Seccomp) },
	"Seccomp_filters":            func(r *status) uint64 { return uint64(r.Task.SeccompFilters) },
	"voluntary_ctxt_switches":    func(r *status) uint64 { return r.Task.VoluntarySwitches },
	"nonvoluntary_ctxt_switches": func(r *status) uint64 { return r.Task.InvoluntarySwitches },
}

// statusPages are those that are memory in pages, as task_mem() of
// fs/proc/task_mmu.c has them.
var statusPages = map[string]func(r *status) uint64{
	"VmPeak":       func(r *status) uint64 { return max(r.Mm.HiwaterVm, r.Mm.Sizes.TotalVm) },
	"VmSize":       func(r *status) uint64 { return r.Mm.Sizes.TotalVm },
	"VmLck":        func(r *status) uint64 { return r.Mm.LockedVm },
	"VmPin":        func(r *status) uint64 { return r.Mm.PinnedVm },
	"VmHWM":        func(r *status) uint64 { return max(r.Mm.HiwaterRss, r.Mm.Sizes.Pages.resident()) },
	"VmRSS":        func(r *status) uint64 { return r.Mm.Sizes.Pages.resident() },
	"RssAnon":      func(r *status) uint64 { return r.Mm.Sizes.Pages.of(anonPages) },
	"RssFile":      func(r *status) uint64 { return r.Mm.Sizes.Pages.of(filePages) },
	"RssShmem":     func(r *status) uint64 { return r.Mm.Sizes.Pages.of(shmemPages) },
	"VmData":       func(r *status) uint64 { return r.Mm.Sizes.DataVm },
	"VmStk":        func(r *status) uint64 { return r.Mm.Sizes.StackVm },
	"VmExe":        executable,
	"VmLib":        func(r *status) uint64 { return r.Mm.ExecVm - executable(r) },
	"VmSwap":       func(r *status) uint64 { return r.Mm.Sizes.Pages.of(swapEntries) },
	"HugetlbPages": func(r *status) uint64 { return r.Mm.Hugetlb },
}

// executable is the code of the program itself; what else is executable is libraries.
func executable(r *status) uint64 {
	return min(r.Mm.Sizes.text(), r.Mm.ExecVm)
}

// statusSets are those that are a set of signals or capabilities.
var statusSets = map[string]func(r *status) uint64{
	"SigPnd": func(r *status) uint64 { return r.Task.SigPending },
	"ShdPnd": func(r *status) uint64 { return r.Task.SharedPending },
	"SigBlk": func(r *status) uint64 { return r.Task.SigBlocked },
	"SigIgn": func(r *status) uint64 { return r.Task.SigIgnored },
	"SigCgt": func(r *status) uint64 { return r.Task.SigCaught },
	"CapInh": func(r *status) uint64 { return r.Task.CapInheritable },
	"CapPrm": func(r *status) uint64 { return r.Task.CapPermitted },
	"CapEff": func(r *status) uint64 { return r.Task.CapEffective },
	"CapBnd": func(r *status) uint64 { return r.Task.CapBounding },
	"CapAmb": func(r *status) uint64 { return r.Task.CapAmbient },
}

// statusTexts are all others that depend on the task alone.
var statusTexts = map[string]statusValue{
	"Name": appendStatusName,
	"Umask": func(dst []byte, e entry[status]) []byte {
		umask := e.rec.Task.Umask
		return append(dst, '0', byte('0'+umask>>6&7), byte('0'+umask>>3&7), byte('0'+umask&7))
	},
	"State": func(dst []byte, e entry[status]) []byte {
		return append(dst, stateName(e.rec.Task.State, e.rec.Task.ExitState)...)
	},
	"Uid":    func(dst []byte, e entry[status]) []byte { return appendFour(dst, &e.rec.Task.Uids) },
	"Gid":    func(dst []byte, e entry[status]) []byte { return appendFour(dst, &e.rec.Task.Gids) },
	"Groups": appendGroups,
	"NStgid": func(dst []byte, e entry[status]) []byte {
		return appendNumbers(dst, e, int32(e.rec.Task.Key.Tgid), func(p *taskPidsItem) int32 { return p.Tgid })
	},
	"NSpid": func(dst []byte, e entry[status]) []byte {
		return appendNumbers(dst, e, int32(e.rec.Task.Key.Tid), func(p *taskPidsItem) int32 { return p.Pid })
	},
	"NSpgid": func(dst []byte, e entry[status]) []byte {
		return appendNumbers(dst, e, e.rec.Task.Pgid, func(p *taskPidsItem) int32 { return p.Pgid })
	},
	"NSsid": func(dst []byte, e entry[status]) []byte {
		return appendNumbers(dst, e, e.rec.Task.Sid, func(p *taskPidsItem) int32 { return p.Sid })
	},
	"VmPTE": func(dst []byte, e entry[status]) []byte { return appendKB(dst, e.rec.Mm.PageTables/1024) },
	"SigQ": func(dst []byte, e entry[status]) []byte {
		dst = append(strconv.AppendUint(dst, uint64(e.rec.Task.QueuedSignals), 10), '/')
		return strconv.AppendUint(dst, e.rec.Task.QueuedSignalsLimit, 10)
	},
	"x86_Thread_features":        func(dst []byte, e entry[status]) []byte { return appendFeatures(dst, e.rec.Task.Features) },
	"x86_Thread_features_locked": func(dst []byte, e entry[status]) []byte { return appendFeatures(dst, e.rec.Task.FeaturesLocked) },
}

func appendKB(dst []byte, kb uint64) []byte { return append(bpf.AppendPadded(dst, kb, 8), " kB"...) }

func appendFour(dst []byte, ids *[4]uint32) []byte {
	dst = strconv.AppendUint(dst, uint64(ids[0]), 10)
	for _, id := range ids[1:] {
		dst = strconv.AppendUint(append(dst, '\t'), uint64(id), 10)
	}
	return dst
}

// appendFeatures follows dump_x86_features() of arch/x86/kernel/cpu/proc.c.
func appendFeatures(dst []byte, features uint64) []byte {
	if features&1 != 0 {
		dst = append(dst, "shstk "...)
	}
	if features&2 != 0 {
		dst = append(dst, "wrss "...)
	}
	return dst
}

// statusValueOf returns what appends the line of a name; own is what the daemon's
// own status shows there. It returns nil for a line that is not known.
func statusValueOf(name, own string) statusValue {
	if number := statusNumbers[name]; number != nil {
		return func(dst []byte, e entry[status]) []byte { return strconv.AppendUint(dst, number(e.rec), 10) }
	}
	if pages := statusPages[name]; pages != nil {
		return func(dst []byte, e entry[status]) []byte { return appendKB(dst, pages(e.rec)*pageSize/1024) }
	}
	if set := statusSets[name]; set != nil {
		return func(dst []byte, e entry[status]) []byte { return bpf.AppendHex(dst, set(e.rec), 16) }
	}
	if text := statusTexts[name]; text != nil {
		return text
	}
	return machineValue(name, own)
}
