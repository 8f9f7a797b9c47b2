// SPDX-License-Identifier: Apache-2.0

package unixsock

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

const (
	buckets  = 512 // BUCKETS of unix.bpf.c
	readSize = 32 << 10
	largest  = 256 // more than any record has
)

// A place is what a record tells of where it came from.
type place struct {
	bucket int
	first  bool // of a read
}

// whole gives the records of every socket, by bucket of the kernel's table. Since
// Linux 5.18 the iterator takes the sockets of a bucket together, and when a read
// ends among them, the next one goes on with the bucket behind: what is left of
// this one is lost. So each bucket that a read may have cut is asked for again, in
// a run that shows those buckets alone, until none is cut. A bucket is the same in
// every run, so that sockets which come and go do not hide or repeat one that
// stays. All records are held: some 60 bytes for each socket of the namespace, or
// 100 to 200 for net/sockets.
type whole struct {
	request bpf.Request // its namespace is a descriptor of its own
	target  *bpf.Target
	program string
	decode  func(batch []byte) (place, int, error)

	run         bpf.Records
	wanted, cut set
	last        int  // bucket of the record before
	loses       bool // the kernel is one that does: it tells where reads begin
	read        int  // bytes of the read under way

	records [buckets][]byte
	given   int // buckets that were given out
}

// A set of buckets is the value of the map args: struct wanted.
type set [buckets / 64]uint64

func (s *set) add(from, to int) {
	for b := from; b < to; b++ {
		s[b/64] |= 1 << (b % 64)
	}
}

func (s *set) has(b int) bool { return s[b/64]>>(b%64)&1 != 0 }

// runWhole starts a program of this target with the request's parameters.
func runWhole(r bpf.Request, t *bpf.Target, program string, decode func([]byte) (place, int, error)) (bpf.Records, error) {
	if err := r.Params.KeepNetNS(); err != nil {
		return nil, err
	}
	w := &whole{request: r, target: t, program: program, decode: decode}
	w.wanted.add(0, buckets)
	if err := w.start(); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *whole) start() (err error) {
	if w.request.Params.Args, err = binary.Append(nil, binary.NativeEndian, w.wanted); err != nil {
		return err
	}
	w.last, w.read = -1, 0
	w.run, err = w.request.Run(w.target, w.program, w.request.Params)
	return err
}

func (w *whole) Next(ctx context.Context) ([]byte, error) {
	for w.wanted != (set{}) {
		if err := w.collect(ctx); err != nil {
			return nil, err
		}
	}
	for w.given < buckets {
		records := w.records[w.given]
		w.given++
		if len(records) > 0 {
			return records, nil
		}
	}
	return nil, io.EOF
}

// collect reads on, and starts anew at the end of a run.
func (w *whole) collect(ctx context.Context) error {
	if w.run == nil {
		return w.start()
	}
	batch, err := w.run.Next(ctx)
	if err == io.EOF {
		return w.endRun()
	}
	for err == nil && len(batch) > 0 {
		var p place
		var n int
		if p, n, err = w.decode(batch); err == nil {
			w.take(p, batch[:n])
			batch = batch[n:]
		}
	}
	return err
}

func (w *whole) take(p place, record []byte) {
	if p.first {
		w.loses = true
		w.endRead(p.bucket)
	}
	w.records[p.bucket] = append(w.records[p.bucket], record...)
	w.last = p.bucket
	w.read += len(record)
}

// endRead is called when the next read begins with a bucket. What the one before
// did not have room for lies between.
func (w *whole) endRead(next int) {
	if w.last >= 0 {
		w.cut.add(w.last, next)
	}
	w.read = 0
}

func (w *whole) endRun() error {
	if w.loses && w.read > readSize-largest {
		w.endRead(buckets)
	}
	for b := range buckets {
		if w.cut.has(b) && w.wanted.has(b) {
			w.records[b] = nil
		}
	}
	for i := range w.cut {
		w.cut[i] &= w.wanted[i]
	}
	if w.cut == w.wanted {
		return fmt.Errorf("iter/unix: the sockets of one bucket are more than the kernel's buffer holds: %w", unix.EOVERFLOW)
	}
	w.wanted, w.cut = w.cut, set{}
	err := w.run.Close()
	w.run = nil
	return err
}

func (w *whole) Close() (err error) {
	if w.run != nil {
		err = w.run.Close()
	}
	w.request.Params.NetNS.Close()
	return err
}
