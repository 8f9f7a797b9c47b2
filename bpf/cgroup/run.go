// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/bpf"
)

// The programs of cgroup.bpf.c.
const (
	rowRecords   = "row_records"
	childRecords = "child_records"
)

// Params make an iterator begin at a cgroup, whose key has the number of its
// hierarchy, 0 for v2, as ID, and its own id, which no other has had, as Birth: 0
// for the root. The caller closes the Cgroup in them, where there is one.
func Params(from bpf.Key, order bpf.Order) (bpf.Params, error) {
	if from.ID == 0 {
		return bpf.Params{Order: order, CgroupID: from.Birth}, nil
	}
	dir, err := openV1(from)
	return bpf.Params{Order: order, Cgroup: dir}, err
}

// run runs a program from a cgroup on.
func run(s bpf.System, t *bpf.Target, program string, from bpf.Key, order bpf.Order, args runArgs) (bpf.Records, error) {
	p, err := Params(from, order)
	if err != nil {
		return nil, err
	}
	if p.Cgroup != nil {
		defer p.Cgroup.Close()
	}
	p.Args = args.bytes()
	return s.Run(t, program, p)
}

// gone reports whether run failed because there is no such cgroup any more.
func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESTALE) }

type runArgs cgroupRunArgs

func (a *runArgs) bytes() []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(a)), unsafe.Sizeof(*a))...)
}

// named is a record and the name behind it.
type named[R any] struct {
	rec  *R
	name []byte
}

// decode is the bpf.Source.Decode of both kinds of records, whose first field is
// their size with the name.
func decode[R any](batch []byte) (n named[R], size int, err error) {
	n.rec, n.name, size, err = bpf.Tailed(batch, func(rec *R) (whole, tail int) {
		whole = int(*(*uint32)(unsafe.Pointer(rec)))
		return whole, max(whole-int(unsafe.Sizeof(*rec)), 0)
	})
	n.name = bpf.CString(n.name)
	return n, size, err
}

// appendNamed appends a record and a name behind it, as the programs do.
func appendNamed[R any](dst []byte, rec *R, name []byte) []byte {
	start, head := len(dst), int(unsafe.Sizeof(*rec))
	dst = append(dst, unsafe.Slice((*byte)(unsafe.Pointer(rec)), head)...)
	dst = append(dst, name...)
	dst = append(dst, zeros[:8-len(name)%8]...)
	*(*uint32)(unsafe.Pointer(&dst[start])) = uint32(len(dst) - start)
	return dst
}

var zeros [8]byte
