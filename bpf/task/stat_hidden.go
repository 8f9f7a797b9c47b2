// SPDX-License-Identifier: Apache-2.0

package task

import (
	"bytes"
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
	texts := func(offset int64) (one, thread text[taskStatRecord]) {
		return statText(ofProcess("stat"), offset), statText(ofThread("stat"), offset)
	}
	one, thread := texts(0)
	files := partly(procFiles("stat", "stat_records", "a line each", one, thread, one))
	for i := range files {
		files[i].Open = func(r bpf.Request, _ bpf.Form) (bpf.Content, error) {
			f, err := foreignerOf(r)
			if err != nil {
				return nil, err
			}
			if f.bootOffset() == 0 {
				return r.Render(r.File.Program, r.File.Format)
			}
			one, thread := texts(f.bootOffset())
			if r.File.Path == files[2].Path {
				one = thread
			}
			return r.Render(r.File.Program, source[taskStatRecord]().Texts(one))
		}
	}
	return files
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
