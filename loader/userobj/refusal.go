// SPDX-License-Identifier: Apache-2.0

package userobj

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// maxLog is how much of a verifier's log is kept: its end, which has the reason.
const maxLog = 32 << 10

// A Refusal is an object that the kernel did not load, with an errno of one
// meaning: EACCES for the verifier's refusal, EOPNOTSUPP for what this kernel
// lacks, else what the kernel said.
type Refusal struct {
	Errno unix.Errno
	Err   error
	// Log is the verifier's.
	Log string
}

func (r *Refusal) Error() string { return r.Err.Error() }

func (r *Refusal) Unwrap() error { return r.Errno }

func refusal(err error) error {
	r := &Refusal{Errno: unix.EOPNOTSUPP, Err: err}
	var verifier *ebpf.VerifierError
	var errno unix.Errno
	switch {
	case errors.Is(err, ebpf.ErrNotSupported):
	case errors.As(err, &verifier) && len(verifier.Log) > 0:
		if !errors.Is(err, unix.ENOENT) { // the verifier's word for a symbol that is not there
			r.Errno = unix.EACCES
		}
		r.Log = strings.Join(verifier.Log, "\n") + "\n"
		if over := len(r.Log) - maxLog; over > 0 {
			r.Log = "...\n" + r.Log[over+strings.IndexByte(r.Log[over:], '\n')+1:]
		}
	case errors.As(err, &errno):
		r.Errno = errno
	}
	return r
}

// maxFailures is how many failures are kept.
const maxFailures = 16

// Failures are the last ones, oldest first.
type Failures struct {
	mu    sync.Mutex
	texts []string
	count int
}

// Add adds what has failed, with the verifier's log where it is a Refusal.
func (f *Failures) Add(what string, err error) {
	var errno unix.Errno
	errors.As(err, &errno)
	text := fmt.Sprintf("==> %s: %s %s <==\n%v\n", what, unix.ErrnoName(errno), time.Now().Format(time.RFC3339), err)
	var r *Refusal
	if errors.As(err, &r) {
		text += r.Log
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	f.texts = append(f.texts, text)
	if len(f.texts) > maxFailures {
		f.texts = f.texts[1:]
	}
}

// Append appends the failures, each under a line "==> FILE: ERRNO TIME <==".
func (f *Failures) Append(dst []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, text := range f.texts {
		dst = append(dst, text...)
	}
	return dst
}

// Count is how many there have been.
func (f *Failures) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}
