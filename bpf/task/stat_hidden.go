// SPDX-License-Identifier: Apache-2.0

package task

import (
	"bytes"
	"context"
	"strconv"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/native"
)

// hideAddresses takes out of a record what do_task_stat() does not show to whom may
// not trace the task.
func hideAddresses(r *taskStatRecord) {
	m := &r.Mm
	for _, address := range []*uint64{&m.StartCode, &m.EndCode} {
		*address = min(*address, 1) // 0 of a task without memory
	}
	for _, address := range []*uint64{&m.StartStack, &m.Esp, &m.Eip,
		&m.StartData, &m.EndData, &m.StartBrk, &m.ArgStart, &m.ArgEnd, &m.EnvStart, &m.EnvEnd} {
		*address = 0
	}
	r.Task.Wchan, r.Task.ExitCode = 0, 0
}

// statFiles are those of stat.
func statFiles() []bpf.File {
	all, one, thread := ofProcess("stat"), ofProcess("stat"), ofThread("stat")
	files := partly(procFiles("stat", "stat_records", "a line each", statText(one, 0), statText(thread, 0), statText(all, 0)))
	for i, name := range []nativeFile{all, one, thread} {
		files[i].Open = func(r bpf.Request, _ bpf.Form) (bpf.Content, error) {
			offset, err := bootOffset(r)
			if err != nil {
				return nil, err
			}
			return r.Render(r.File.Program, source[taskStatRecord]().Texts(statText(name, offset)))
		}
	}
	return files
}

// bootOffset is what the time namespace of a request's reader adds to times since boot, in
// ns.
func bootOffset(r bpf.Request) (int64, error) {
	identity, err := r.Reader.Identify(context.Background())
	if err != nil {
		return 0, err
	}
	return identity.BootOffset, nil
}

// statText is the text of stat for readers whose time namespace has an offset. Where it is
// the real file's, which is written for the daemon, it is amended for the reader.
func statText(name nativeFile, offset int64) text[taskStatRecord] {
	return func(dst []byte, e entry[taskStatRecord]) ([]byte, error) {
		start := len(dst)
		dst, known := appendStat(dst, e, offset)
		if known {
			return dst, nil
		}
		dst, err := appendNative(dst[:start], *e.key(), name(e.key()))
		t := &e.rec.Task
		if err == nil && (t.Untraced != 0 || t.Key.Tid != t.Key.NativeTid || offset != native.BootOffset()) {
			dst = append(dst[:start], amendStat(dst[start:], e.rec, offset)...)
		}
		return dst, err
	}
}

// amendStat puts the reader's numbers of tasks and the start by its clock into a line of
// stat, and takes out what hideAddresses does.
func amendStat(line []byte, r *taskStatRecord, offset int64) []byte {
	t := &r.Task
	const afterName = 3 // the number of the first field behind the name, as in proc(5)
	end := bytes.LastIndexByte(line, ')') + 1
	name := line[bytes.IndexByte(line, ' '):end]
	fields := bytes.Fields(line[end:])
	set := func(number int, value int64) { fields[number-afterName] = strconv.AppendInt(nil, value, 10) }
	set(4, int64(t.Ppid))
	set(5, int64(t.Pgid))
	set(6, int64(t.Sid))
	set(8, int64(t.Tpgid))
	set(22, int64(native.ShownTicks(t.Key.Start, offset)))
	if t.Untraced != 0 {
		for _, number := range []int{28, 29, 30, 35, 45, 46, 47, 48, 49, 50, 51, 52} {
			set(number, 0)
		}
		for _, number := range []int{26, 27} {
			if string(fields[number-afterName]) != "0" {
				set(number, 1)
			}
		}
	}
	amended := append(strconv.AppendUint(nil, uint64(t.Key.Tid), 10), name...)
	for _, f := range fields {
		amended = append(append(amended, ' '), f...)
	}
	return append(amended, '\n')
}
