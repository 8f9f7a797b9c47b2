// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// maxMessage bounds what a request or its reply carries beside headers.
const maxMessage = 128 << 10

// headers is more than the fixed part of any message has.
const headers = 4096

// The requests that the loop looks into, of linux/fuse.h.
const (
	opLookup      = 1
	opGetAttr     = 3
	opReadlink    = 5
	opRead        = 15
	opReadDir     = 28
	opReadDirPlus = 44
)

// serve answers requests until the tree is unmounted. One goroutine reads them and
// answers what takes microseconds: to wake another would cost more. What waits or
// may be long has a goroutine of its own. Nothing here may wait for a page of the
// kernel: it may be locked by a request that is still unread (notifier.go).
func (m *Mount) serve() {
	in, out := make([]byte, maxMessage+headers), make([]byte, maxMessage+headers)
	for {
		n, err := unix.Read(m.dev, in)
		switch err {
		case nil:
			m.dispatch(in[:n], out)
		case unix.EINTR, unix.EAGAIN, unix.ENOENT: // the last: a request that was interrupted meanwhile
		default: // ENODEV: unmounted
			if err != unix.ENODEV {
				m.config.Log.Error("read from /dev/fuse", "err", err)
			}
			m.end()
			return
		}
	}
}

// end lets go of everything after the last request.
func (m *Mount) end() {
	m.cancel()
	m.workers.Wait()
	for _, n := range []*notifier{m.pushing, m.growing, m.forgetting} {
		if n != nil {
			close(n.jobs)
		}
	}
	m.notifiers.Wait()
	unix.Close(m.dev)
	m.config.Native.Close()
	close(m.done)
}

func (m *Mount) dispatch(in, out []byte) {
	h := (*fuse.InHeader)(unsafe.Pointer(&in[0]))
	text, isText := asksText(h, in)
	m.count.messages[h.Opcode%maxOpcode].Add(1)
	switch {
	case h.Opcode == opRead:
		m.read((*fuse.ReadIn)(unsafe.Pointer(&in[0])), out)
	case h.NodeId == rootID && (h.Opcode == opReadDir || h.Opcode == opReadDirPlus):
		in := slices.Clone(in)
		m.work(func() { m.answer(in, make([]byte, headers+int((*fuse.ReadIn)(unsafe.Pointer(&in[0])).Size))) })
	case isText:
		m.answerText(text, in, out)
	case (h.Opcode == opLookup || h.Opcode == opGetAttr) && m.awaits(h.NodeId):
		in := slices.Clone(in)
		m.work(func() { m.answer(in, make([]byte, headers)) })
	default:
		m.answer(in, out)
	}
}

// work runs what the loop should not wait for, and what end waits for.
func (m *Mount) work(f func()) {
	m.workers.Add(1)
	go func() {
		defer m.workers.Done()
		f()
	}()
}

// answer has a request answered by the methods of files.
func (m *Mount) answer(in, out []byte) {
	n, status := m.server.HandleRequest([][]byte{in}, [][]byte{out})
	if status != fuse.OK {
		m.config.Log.Error("malformed request", "status", status)
		return
	}
	if n > 0 {
		m.write(out[:n])
	}
}

// reply answers a request with what lies behind its header in out.
func (m *Mount) reply(unique uint64, out []byte, err error) {
	if err != nil {
		out = out[:outHeader]
	}
	binary.NativeEndian.PutUint32(out, uint32(len(out)))
	binary.NativeEndian.PutUint32(out[4:], -uint32(errno(err)))
	binary.NativeEndian.PutUint64(out[8:], unique)
	m.write(out)
}

// The sizes of fuse_in_header and fuse_out_header.
const (
	inHeader  = 40
	outHeader = 16
)

// write gives the kernel a reply. That of a request that has been interrupted is
// refused with ENOENT, all when the tree is being unmounted.
func (m *Mount) write(out []byte) {
	switch _, err := unix.Write(m.dev, out); err {
	case nil, unix.ENOENT, unix.ENODEV:
	default:
		m.config.Log.Error("write to /dev/fuse", "err", err)
	}
}
