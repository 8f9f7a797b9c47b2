// SPDX-License-Identifier: Apache-2.0

package task

import (
	"bytes"
	"context"
	"strconv"
	"unsafe"

	"github.com/iterfs/iterfs/bpf"
)

// A foreigner is a reader of another user or pid namespace than the daemon's.
type foreigner struct {
	ids    *bpf.IDs
	levels int // of pid namespaces, from the daemon's down to the reader's
}

// foreignerOf is the reader of a request; nil for one of the daemon's namespaces.
func foreignerOf(r bpf.Request) (*foreigner, error) {
	identity, err := r.Reader.Identify(context.Background())
	if err != nil {
		return nil, err
	}
	ids, err := r.Reader.IDs(context.Background())
	if err != nil || ids == nil && identity.IsNative() {
		return nil, err
	}
	return &foreigner{ids, int(identity.PIDLevel) - int(identity.NativeLevel)}, nil
}

// forStatus puts the reader's numbers of users and groups into a record.
func (f *foreigner) forStatus(e entry[taskStatusRecord]) {
	if f.ids == nil {
		return
	}
	for i := range e.rec.Task.Uids {
		e.rec.Task.Uids[i] = f.ids.UID(e.rec.Task.Uids[i])
		e.rec.Task.Gids[i] = f.ids.GID(e.rec.Task.Gids[i])
	}
	for it := range e.behind(itemGroups) {
		gids := (*taskGroupsItem)(unsafe.Pointer(it)).Gids[:(it.Size-8)/4]
		for i := range gids {
			gids[i] = f.ids.GID(gids[i])
		}
	}
}

func (f *foreigner) forRow(e row) {
	e.rec.Euid, e.rec.Egid = f.ids.UID(e.rec.Euid), f.ids.GID(e.rec.Egid)
}

// statusText is the text of status for the reader, also where it is the real file's.
func (f *foreigner) statusText(dst []byte, e entry[taskStatusRecord]) ([]byte, error) {
	start := len(dst)
	dst, known := appendStatus(dst, e)
	if known {
		return dst, nil
	}
	dst, err := appendNative(dst[:start], *e.key(), "status")
	if err != nil {
		return dst, err
	}
	return append(dst[:start], f.amendStatus(bytes.Clone(dst[start:]), e)...), nil
}

func (f *foreigner) amendStatus(text []byte, e entry[taskStatusRecord]) (amended []byte) {
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(":\t"))
		amended = append(append(amended, name...), ":\t"...)
		switch string(name) {
		case "Tgid", "Pid", "PPid", "TracerPid":
			amended = strconv.AppendUint(amended, statusNumbers[string(name)](e.rec), 10)
		case "NStgid", "NSpid", "NSpgid", "NSsid":
			numbers := bytes.Split(value, []byte("\t"))
			amended = append(amended, bytes.Join(numbers[min(f.levels, len(numbers)):], []byte("\t"))...)
		case "Uid", "Gid", "Groups":
			amended = f.appendIDs(amended, value, name[0] == 'U')
		default:
			amended = append(amended, value...)
		}
		amended = append(amended, '\n')
	}
	return amended
}

// appendIDs appends ids with what stands between them.
func (f *foreigner) appendIDs(dst, ids []byte, users bool) []byte {
	for len(ids) > 0 && f.ids != nil {
		n := bytes.IndexAny(ids, " \t")
		if n < 0 {
			n = len(ids)
		}
		if id, err := strconv.ParseUint(string(ids[:n]), 10, 32); err == nil && users {
			dst = strconv.AppendUint(dst, uint64(f.ids.UID(uint32(id))), 10)
		} else if err == nil {
			dst = strconv.AppendUint(dst, uint64(f.ids.GID(uint32(id))), 10)
		}
		dst = append(dst, ids[n:min(n+1, len(ids))]...)
		ids = ids[min(n+1, len(ids)):]
	}
	return append(dst, ids...)
}

// statusFiles are those of status, for foreigners too.
func statusFiles(files []bpf.File, all func(one text[taskStatusRecord]) text[taskStatusRecord]) []bpf.File {
	for i, form := range []func(one text[taskStatusRecord]) text[taskStatusRecord]{all, plain[taskStatusRecord]} {
		format := files[i].Format
		files[i].Open = func(r bpf.Request, _ bpf.Form) (bpf.Content, error) {
			f, err := foreignerOf(r)
			switch {
			case err != nil:
				return nil, err
			case f == nil:
				return r.Render(r.File.Program, format)
			}
			return r.Render(r.File.Program, source[taskStatusRecord]().Changed(f.forStatus).Texts(form(f.statusText)))
		}
	}
	return files
}

// plain leaves a text as it is.
func plain[T any](one text[T]) text[T] { return one }
