// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"slices"
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
	n, until := m.windowed(p, f, buf, in.Offset)
	if n < 0 {
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
		if n, until = m.windowed(p, f, buf, in.Offset); n < 0 {
			n, until = live, time.Now().Add(linger)
		}
	}
	m.keep(p, f, until)
	end, at := in.Offset+uint64(n), &p.files[f]
	grows := end > at.known
	if n < len(buf) {
		at.size = end
		at.known = min(at.known, end) // as the kernel learns of this answer
	}
	m.mu.Unlock()
	if grows {
		in, out := *in, bytes.Clone(out[:outHeader+n])
		m.work(func() { m.grow(&in, p, f, out) })
		return
	}
	m.reply(in.Unique, out[:outHeader+n], nil)
}

// windowed copies what the window has of a file, and tells until when it is good;
// -1 where it has none. Mount.mu is held.
func (m *Mount) windowed(p *process, f File, buf []byte, offset uint64) (n int, until time.Time) {
	content := m.content(p, f)
	if content == nil {
		return -1, until
	}
	return copy(buf, content[min(offset, uint64(len(content))):]), m.scans.window.until
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

// size is that of a file: that of the page that the kernel has of it, of the
// content that it will have, or of the file at this moment. Valid is how long the
// kernel may go by it, if there is a way to tell it of another. Of an empty file it
// would read nothing: that is forever only where it stays empty.
func (m *Mount) size(p *process, f File, dir int) (size uint64, valid time.Duration, err error) {
	m.mu.Lock()
	size, known := m.knownSize(p, f)
	if !known {
		m.mu.Unlock()
		var live []byte
		if live, err = m.native.appendFile(nil, dir, f.String()); err != nil {
			return 0, 0, err
		}
		m.mu.Lock()
		if size, known = m.knownSize(p, f); !known {
			size = uint64(len(live))
		}
	}
	if at := &p.files[f]; at.refs == 0 || size < at.known {
		at.known = size
	}
	m.mu.Unlock()
	if !m.anchored.Load() || size == 0 && !m.native.staysEmpty(dir) {
		return size, 0, nil
	}
	return size, forever, nil
}

// knownSize is that of the page that the kernel has, or of the content that it will
// have. Mount.mu is held.
func (m *Mount) knownSize(p *process, f File) (uint64, bool) {
	content, at := m.content(p, f), &p.files[f]
	if at.cached {
		return at.size, true
	}
	return uint64(len(content)), content != nil
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
