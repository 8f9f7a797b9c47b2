// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"fmt"
	"io"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// Identify finds out who a thread is, with the credentials that it has just now.
// It is ESRCH when there is no such thread.
func Identify(ctx context.Context, s bpf.System, tid uint32) (*bpf.Identity, error) {
	found, err := identify(ctx, s, tid)
	if err == nil && found == nil {
		err = unix.ESRCH
	}
	if err != nil {
		return nil, fmt.Errorf("find out who thread %d is: %w", tid, err)
	}
	return found, nil
}

func identify(ctx context.Context, s bpf.System, tid uint32) (found *bpf.Identity, err error) {
	if c := (callsCall{Tid: tid}); callable(s) {
		if there, err := c.call(s, "identify_thread"); !there {
			return nil, err
		}
		return (*bpf.Identity)(unsafe.Pointer(&c.Reader)), nil
	}
	err = each(ctx, s, &Target, "identity_records", bpf.Params{TID: tid}, func(e entry[taskIdentityRecord]) bool {
		if e.rec.Tid == tid {
			identity := *(*bpf.Identity)(unsafe.Pointer(&e.rec.Reader))
			found = &identity
		}
		return found == nil
	})
	return found, err
}

// MayRead returns nil when the reader may see what of a task takes the rights of
// ptrace(2), PTRACE_MODE_READ_FSCREDS; EACCES when it may not, and ESRCH when there
// is no such task for the reader. The task is named as the daemon numbers it; with
// a Birth of 0 it is whatever has the number.
func MayRead(ctx context.Context, s bpf.System, reader bpf.Identify, task bpf.Key) error {
	return judge(ctx, s, reader, task, func(trace, _ uint32) uint32 { return trace })
}

// MayReadMemory is MayRead of what tells of a task's memory, as maps does.
func MayReadMemory(ctx context.Context, s bpf.System, reader bpf.Identify, task bpf.Key) error {
	return judge(ctx, s, reader, task, func(_, memory uint32) uint32 { return memory })
}

func judge(ctx context.Context, s bpf.System, reader bpf.Identify, task bpf.Key, verdict func(trace, memory uint32) uint32) error {
	found, allowed := false, false
	if callable(s) {
		identity, err := reader(ctx)
		if err != nil {
			return err
		}
		c := callsCall{Tid: task.ID, Start: task.Birth, Reader: *(*callsReader)(unsafe.Pointer(identity))}
		if found, err = c.call(s, "judge"); err != nil {
			return err
		}
		allowed = verdict(c.MayRead, c.MayReadMemory) != 0
	} else {
		err := each(ctx, s, &Target, "access_records", bpf.Params{TID: task.ID, Reader: reader}, func(e entry[taskAccessRecord]) bool {
			key := &e.rec.Key
			found = key.NativeTid == task.ID && (task.Birth == 0 || key.Start == task.Birth)
			allowed = verdict(e.rec.MayRead, e.rec.MayReadMemory) != 0
			return !found
		})
		if err != nil {
			return err
		}
	}
	switch {
	case !found:
		return unix.ESRCH
	case !allowed:
		return unix.EACCES
	}
	return nil
}

// isThere returns ESRCH when the task has gone, though another have its number, as
// far as a call can tell.
func isThere(s bpf.System, task bpf.Key) error {
	if !callable(s) {
		return nil
	}
	c := callsCall{Tid: task.ID, Start: task.Birth}
	there, err := c.call(s, "judge")
	if err == nil && !there {
		err = unix.ESRCH
	}
	return err
}

// calls are programs that do without an iterator.
var calls = bpf.Target{
	Name:    "task",
	Object:  loadCalls,
	Records: map[string]uintptr{"reader": unsafe.Sizeof(bpf.Identity{}), "call": unsafe.Sizeof(callsCall{})},
}

// call runs one of them, and reports whether there is the task.
func (c *callsCall) call(s bpf.System, program string) (there bool, err error) {
	err = s.Call(&calls, program, unsafe.Slice((*byte)(unsafe.Pointer(c)), unsafe.Sizeof(*c)))
	return err == nil && c.Found != 0, err
}

// calling is whether this kernel takes the calls, once that is known.
var calling struct {
	sync.Mutex
	known, ok bool
}

// callable reports whether tasks can be asked for by calls: what does not load, or
// does not find this process by its number, as in a pid namespace below the initial
// one, is done by iterators, which take longer.
func callable(s bpf.System) bool {
	calling.Lock()
	defer calling.Unlock()
	if !calling.known {
		c := callsCall{Tid: uint32(unix.Gettid())}
		there, _ := c.call(s, "identify_thread")
		calling.known, calling.ok = true, there && c.Reader.NativeLevel == 0
	}
	return calling.ok
}

// each calls f with each record of a run, as long as f wants more.
func each[T any](ctx context.Context, s bpf.System, t *bpf.Target, program string, p bpf.Params, f func(entry[T]) bool) error {
	records, err := s.Run(t, program, p)
	if err != nil {
		return err
	}
	defer records.Close()
	for {
		batch, err := records.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for len(batch) > 0 {
			e, n, err := decode[T](batch)
			if err != nil {
				return err
			}
			if !f(e) {
				return nil
			}
			batch = batch[n:]
		}
	}
}
