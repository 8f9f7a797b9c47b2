// SPDX-License-Identifier: Apache-2.0

package task

import (
	"os"
	"strconv"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

var pageSize = uint64(os.Getpagesize())

// appendStat appends a line of /proc/<pid>/stat, as do_task_stat() of
// fs/proc/array.c writes it for a reader whose time namespace adds an offset to times
// since boot.
func appendStat(dst []byte, e entry[taskStatRecord], offset int64) ([]byte, bool) {
	t, m := &e.rec.Task, &e.rec.Mm
	if t.Incomplete != 0 {
		return dst, false
	}
	if t.Untraced != 0 {
		hideAddresses(e.rec)
	}
	utime, stime := t.Times.adjust()
	dst = strconv.AppendUint(dst, uint64(t.Key.Tid), 10)
	dst = append(dst, " ("...)
	dst = appendName(dst, &t.Comm, e.kthread)
	dst = append(dst, ") "...)
	dst = append(dst, stateLetter(t.State, t.ExitState))
	for _, v := range [...]int64{int64(t.Ppid), int64(t.Pgid), int64(t.Sid), int64(t.Tty), int64(t.Tpgid)} {
		dst = bpf.AppendSignedField(dst, v)
	}
	for _, v := range [...]uint64{uint64(t.Flags), t.MinFlt, t.CminFlt, t.MajFlt, t.CmajFlt,
		utime / native.Tick, stime / native.Tick, t.Cutime / native.Tick, t.Cstime / native.Tick} {
		dst = bpf.AppendField(dst, v)
	}
	dst = bpf.AppendSignedField(dst, int64(t.Prio)-100)
	dst = bpf.AppendSignedField(dst, int64(t.StaticPrio)-120)
	for _, v := range [...]uint64{uint64(t.Threads), 0, native.ShownTicks(t.Key.Start, offset),
		m.Vsize * pageSize, m.Rss, t.RssLimit,
		m.StartCode, m.EndCode, m.StartStack, m.Esp, m.Eip,
		uint64(t.SigPending), uint64(t.SigBlocked), uint64(t.SigIgnored), uint64(t.SigCaught),
		uint64(t.Wchan), 0, 0} {
		dst = bpf.AppendField(dst, v)
	}
	dst = bpf.AppendSignedField(dst, int64(t.ExitSignal))
	for _, v := range [...]uint64{uint64(t.Cpu), uint64(t.RtPriority), uint64(t.Policy),
		t.Blkio / native.Tick, t.Gtime / native.Tick, t.Cgtime / native.Tick,
		m.StartData, m.EndData, m.StartBrk, m.ArgStart, m.ArgEnd, m.EnvStart, m.EnvEnd} {
		dst = bpf.AppendField(dst, v)
	}
	dst = bpf.AppendSignedField(dst, int64(t.ExitCode))
	return append(dst, '\n'), true
}
