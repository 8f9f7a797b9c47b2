// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"io"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
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
	content, until := m.content(p, f), time.Now().Add(linger)
	n := 0
	if content != nil {
		n, until = copy(buf, content[min(in.Offset, uint64(len(content))):]), m.scans.window.until
	}
	m.mu.Unlock()
	if content == nil {
		var err error
		if n, err = m.live(p, f, buf, int64(in.Offset)); err != nil {
			m.reply(in.Unique, out[:outHeader], err)
			return
		}
	}
	end := in.Offset + uint64(n)
	m.mu.Lock()
	m.keep(p, f, until)
	known := p.files[f].size
	if end > known || n < len(buf) {
		p.files[f].size = end // as it will be when this is answered
	}
	m.mu.Unlock()
	if end > known {
		out = bytes.Clone(out[:outHeader+n])
		in := *in
		m.work(func() { m.grow(&in, p, f, out) })
		return
	}
	m.reply(in.Unique, out[:outHeader+n], nil)
}

// live reads a file at this moment.
func (m *Mount) live(p *process, f File, buf []byte, offset int64) (n int, err error) {
	dir, _, err := m.open(p)
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

// size is that of a file: that of the page that the kernel has of it, of the
// content that it will have, or of the file at this moment. Valid is how long the
// kernel may go by it, if there is a way to tell it of another. Of an empty file it
// would read nothing: that is forever only where it stays empty.
func (m *Mount) size(p *process, f File, dir int) (size uint64, valid time.Duration, err error) {
	m.mu.Lock()
	at := &p.files[f]
	switch content := m.content(p, f); {
	case at.cached:
		size = at.size
	case content != nil:
		size = uint64(len(content))
	default:
		m.mu.Unlock()
		var live []byte
		if live, err = m.native.appendFile(nil, dir, f.String()); err != nil && err != io.EOF {
			return 0, 0, err
		}
		size = uint64(len(live))
		m.mu.Lock()
	}
	if at.refs == 0 || size < at.size {
		at.size = size
	}
	m.mu.Unlock()
	if !m.anchored.Load() || size == 0 && !m.native.staysEmpty(dir) {
		return size, 0, nil
	}
	return size, forever, nil
}

// staysEmpty reports whether a process has no arguments and will have none: one
// that has ended, or of the kernel.
func (n native) staysEmpty(dir int) bool {
	stat, err := n.appendFile(nil, dir, Stat.String())
	if err != nil {
		return false
	}
	const kernelThread = 0x00200000 // PF_KTHREAD
	return string(statField(stat, 3)) == "Z" || statNumber(stat, 9)&kernelThread != 0
}
