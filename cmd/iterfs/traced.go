// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/task"
	"github.com/iterfs/iterfs/fs"
)

// startTraced is start of a file that takes the right to trace its task, or shows
// more to whom has it.
func (s *system) startTraced(r bpf.Request, form bpf.Form) (fs.Stream, error) {
	mayRead := task.MayRead
	switch r.File.Traced {
	case bpf.Memory:
		mayRead = task.MayReadMemory
		fallthrough
	case bpf.AtOpen:
		if err := mayRead(context.Background(), s, r.Params.Reader, *r.Object); err != nil {
			return nil, err
		}
		return start(r, form)
	}
	opener := r.Params.Reader
	r.Params.Reader = func(ctx context.Context) (*bpf.Identity, error) { return s.reading(ctx, opener) }
	r.Params.EachRead = true
	content, err := start(r, form)
	if err != nil || r.File.Traced == bpf.InReads {
		return content, err
	}
	check := func(ctx context.Context) error { return task.MayRead(ctx, s, r.Params.Reader, *r.Object) }
	return &checked{content, check}, nil
}

// mayEnter returns EPERM where hidepid=1 closes the directory of a process to a reader.
func (s *system) mayEnter(reader bpf.Reader, o bpf.Key) error {
	if s.view.HidePID != bpf.HideContent {
		return nil
	}
	identity, err := reader.Identify(context.Background())
	if err != nil || identity.Hide == 0 {
		return err
	}
	if err = task.MayRead(context.Background(), s, reader.Identify, o); err == unix.EACCES {
		err = unix.EPERM
	}
	return err
}

// reading is whoever reads a file, who has the opener's numbers of tasks.
func (s *system) reading(ctx context.Context, opener bpf.Identify) (*bpf.Identity, error) {
	identity, err := opener(ctx)
	c, known := fs.CallerOf(ctx)
	if err != nil || !known {
		return identity, err
	}
	now, err := s.identify(ctx, c)
	if err != nil {
		return nil, err
	}
	now.PIDNS, now.PIDLevel = identity.PIDNS, identity.PIDLevel
	return now, nil
}

// checked is a content of which each read is checked.
type checked struct {
	fs.Stream
	check func(context.Context) error
}

func (c *checked) Append(ctx context.Context, dst []byte) ([]byte, error) {
	if err := c.check(ctx); err != nil {
		return dst, fs.Passing{Err: err}
	}
	return c.Stream.Append(ctx, dst)
}

// mayTrace returns nil when a caller may see what of a task takes the rights of
// ptrace(2), as the links exe, cwd and root; EACCES when it may not, ESRCH when
// there is no such task for the caller. See task.MayRead.
func (s *system) mayTrace(ctx context.Context, c fs.Caller, o bpf.Key) error {
	return task.MayRead(ctx, s, s.reader(c).Identify, o)
}
