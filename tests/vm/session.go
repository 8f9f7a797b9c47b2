// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"io"
	"time"

	"github.com/iterfs/iterfs/tests/vm/protocol"
)

// A session is what a guest said from its begin on.
type session struct {
	begun, ended bool
	release      string
	doctor       string // what iterfs doctor printed
	runs         []*packageRun

	say     func(format string, args ...any) // progress
	onBegin func()
}

// A packageRun is the run of one test binary.
type packageRun struct {
	importPath string
	output     bytes.Buffer
	finished   bool
	status     int
	took       time.Duration
}

// read takes in the guest's serial line until it closes.
func (s *session) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		s.line(line)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *session) line(line string) {
	text, m := protocol.Split(line)
	if run := s.running(); run != nil {
		run.output.WriteString(text)
		if text != "" && m != nil {
			run.output.WriteByte('\n') // of the last line, that the test left open
		}
	}
	if m == nil {
		return
	}
	switch m.Event {
	case protocol.Begin:
		s.begun, s.release = true, m.Release
		s.say("up, Linux %s", m.Release)
		if s.onBegin != nil {
			s.onBegin()
		}
	case protocol.Note:
		s.say("%s", m.Text)
	case protocol.Doctor:
		s.doctor = m.Text
	case protocol.Start:
		s.runs = append(s.runs, &packageRun{importPath: m.Package})
	case protocol.Finish:
		if run := s.running(); run != nil {
			run.finished, run.status, run.took = true, m.Status, m.Took
			s.say("%s %s in %.1fs", verdict(run.status == 0), run.importPath, run.took.Seconds())
		}
	case protocol.End:
		s.ended = true
	}
}

// running is the test binary whose output is coming.
func (s *session) running() *packageRun {
	if n := len(s.runs); n > 0 && !s.runs[n-1].finished {
		return s.runs[n-1]
	}
	return nil
}

func verdict(passed bool) string {
	if passed {
		return "ok"
	}
	return "FAIL"
}
