// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"slices"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	kernel "github.com/iterfs/iterfs/native"
)

// read answers a READ in out.
func (m *Mount) read(in *fuse.ReadIn, out []byte) {
	p, index := m.process(in.NodeId)
	f, hot := hotFile(index)
	if p == nil || !hot {
		m.reply(in.Unique, out[:outHeader], unix.ENODEV) // a placeholder that nothing is mounted on
		return
	}
	buf := out[outHeader : outHeader+int(in.Size)]
	m.mu.Lock()
	m.demand(p, f, in.Pid)
	n, until := m.made(p, f, buf, in.Offset)
	for n < 0 {
		begun := m.lists.begun
		m.mu.Unlock()
		live, err := m.live(p, f, buf, int64(in.Offset))
		if err != nil {
			m.reply(in.Unique, out[:outHeader], err)
			return
		}
		if in.Pid == p.pid && in.Offset == 0 {
			live = running(buf[:live], buf, f)
		}
		m.mu.Lock()
		// What has been made meanwhile may have been pushed: this would not fit to it.
		if n, until = m.made(p, f, buf, in.Offset); n < 0 && begun == m.lists.begun {
			n, until = live, time.Now().Add(linger)
		}
	}
	end, at := in.Offset+uint64(n), &p.files[f]
	at.arrived()
	if n < len(buf) && end < at.size && at.uncertain() {
		m.refuse(in.NodeId, at)
		m.mu.Unlock()
		m.reply(in.Unique, out[:outHeader], unix.EINTR)
		return
	}
	at.cached = true
	at.given++
	view := m.hold()
	grows := end > at.known
	if n < len(buf) || grows {
		at.size = end
		at.known = min(at.known, end) // as the kernel learns of this answer
	}
	if grows {
		in, out := *in, bytes.Clone(out[:outHeader+n])
		b := &binding{out[outHeader:], in.Offset, until}
		at.bound = b
		m.grows(func() { m.grow(view, &in, p, f, out, b) })
		m.mu.Unlock()
		return
	}
	m.expire(p, f, until)
	m.mu.Unlock()
	m.reply(in.Unique, out[:outHeader+n], nil)
	m.release()
}

// made copies what there is to answer a READ with, and tells until when it is good;
// -1 where there is nothing. Mount.mu is held.
func (m *Mount) made(p *process, f File, buf []byte, offset uint64) (n int, until time.Time) {
	at := &p.files[f]
	if b := at.bound; b != nil && b.offset == offset {
		return copy(buf, b.content), b.until
	}
	content := m.content(p, f)
	if content == nil {
		return -1, until
	}
	return copy(buf, content[min(offset, uint64(len(content))):]), m.scans.window.until
}

// live reads a file at this moment.
func (m *Mount) live(p *process, f File, buf []byte, offset int64) (n int, err error) {
	dir, _, err := m.open(&p.task)
	if err != nil {
		return 0, err
	}
	defer unix.Close(dir)
	fd, err := m.native.open(dir, f.String(), unix.O_RDONLY)
	if err != nil {
		return 0, unix.ESRCH
	}
	defer unix.Close(fd)
	for n < len(buf) {
		k, err := unix.Pread(fd, buf[n:], offset+int64(n))
		if err == unix.EINTR {
			continue
		}
		if err != nil || k == 0 {
			return n, err
		}
		n += k
	}
	return n, nil
}

// running shows the reader of his own file running, as he is without a server that
// he waits for.
func running(content, buf []byte, f File) int {
	switch f {
	case Stat:
		if i := bytes.LastIndexByte(content, ')'); i >= 0 && i+2 < len(content) {
			content[i+2] = 'R'
		}
	case Status:
		before, rest, found := bytes.Cut(content, []byte("\nState:\t"))
		_, after, ended := bytes.Cut(rest, []byte("\n"))
		if found && ended {
			return copy(buf, slices.Concat(before, []byte("\nState:\tR (running)\n"), after))
		}
	}
	return len(content)
}

// size is that of a file as the kernel believes, which answers to READs and pushes
// change; only of a file that it does not know, or believes empty, it is that of the
// content. Of an empty file it reads nothing: so it may believe that for long (valid)
// only where it stays so.
func (m *Mount) size(p *process, f File, dir int) (size uint64, valid time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := &p.files[f]
	m.await(at)
	at.told = time.Now() // when this is answered
	if at.size == 0 {
		content := m.content(p, f)
		if content == nil {
			m.mu.Unlock()
			content, err = m.native.appendFile(nil, dir, f.String())
			m.mu.Lock()
			if err != nil {
				return 0, 0, err
			}
		}
		if at.size == 0 {
			at.size, at.known = uint64(len(content)), uint64(len(content))
		}
	}
	if at.size == 0 && !m.native.staysEmpty(dir) {
		return 0, 0, nil
	}
	return at.size, forever, nil
}

// staysEmpty reports whether a process has no arguments and will have none: one
// that has ended, or of the kernel.
func (n native) staysEmpty(dir int) bool {
	stat, err := n.appendFile(nil, dir, Stat.String())
	if err != nil {
		return false
	}
	const kernelThread = 0x00200000 // PF_KTHREAD
	return string(kernel.StatField(stat, 3)) == "Z" || kernel.StatNumber(stat, 9)&kernelThread != 0
}
