// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"context"
	"errors"
	"fmt"

	"github.com/iterfs/iterfs/bpf"
)

// Run loads the program if need be and attaches it with the parameters.
func (l *Loader) Run(t *bpf.Target, program string, p bpf.Params) (*Stream, error) {
	if p.TID != 0 || p.PID != 0 {
		ok, err := l.taskByTID()
		if err != nil {
			return nil, err
		}
		if !ok {
			p.TID, p.PID = 0, 0
		}
	}
	s := &Stream{name: t.Name + "/" + program, root: p.Root}
	identity, err := l.identify(t, program, &p)
	if err == nil {
		err = l.attach(s, t, program, &p, identity)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return s, nil
}

// identify finds out who reads, where the program asks for it. That takes a run of
// another program.
func (l *Loader) identify(t *bpf.Target, program string, p *bpf.Params) (*bpf.Identity, error) {
	l.mu.Lock()
	asks, err := l.asks(t, program)
	l.mu.Unlock()
	switch {
	case err != nil || !asks:
		return nil, err
	case p.Reader == nil:
		return nil, errors.New("the program asks who reads, and is not told")
	}
	return p.Reader(context.Background())
}

// asks reports whether a program asks who reads. l.mu is held.
func (l *Loader) asks(t *bpf.Target, program string) (asks bool, err error) {
	key := programKey{target: t, name: program}
	asks, known := l.asking[key]
	if known || t.Transient {
		return asks, nil
	}
	spec, err := l.spec(t)
	if err != nil || spec.Programs[program] == nil {
		return false, err
	}
	for i := range spec.Programs[program].Instructions {
		asks = asks || spec.Programs[program].Instructions[i].Reference() == "readers"
	}
	l.asking[key] = asks
	return asks, nil
}

// attach gives a stream its link and iterator.
func (l *Loader) attach(s *Stream, t *bpf.Target, program string, p *bpf.Params, reader *bpf.Identity) (err error) {
	// As long as the link is not made, an unused variant may be unloaded.
	l.mu.Lock()
	defer l.mu.Unlock()
	free := reader != nil && !p.EachRead && reader.Unrestricted()
	c, err := l.program(t, program, p.Consts, free)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.closeMaps()
		}
	}()
	if free {
		reader = nil // the program does not ask
	}
	if s.arguments, err = newArguments(c, p.Args, reader); err != nil {
		return err
	}
	if reader != nil && p.EachRead {
		s.reader = p.Reader
	}
	if p.Collect != "" {
		if s.collected, err = mapOf(c, p.Collect); err != nil {
			return err
		}
	}
	return inNetNS(p.NetNS, func() (err error) {
		s.link, s.iter, err = attach(c.Programs[program].FD(), p)
		return err
	})
}
