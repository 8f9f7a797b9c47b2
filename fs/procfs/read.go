// SPDX-License-Identifier: Apache-2.0

package procfs

import (
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
	content, err := m.live(p, f)
	content = content[min(in.Offset, uint64(len(content))):]
	content = content[:min(int(in.Size), len(content))]
	n := copy(out[outHeader:], content)
	m.reply(in.Unique, out[:outHeader+n], err)
}

// live is the content of a file at this moment.
func (m *Mount) live(p *process, f File) ([]byte, error) {
	dir, _, err := m.open(p)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	return m.native.appendFile(nil, dir, f.String())
}

// size is that of the content of a file.
func (m *Mount) size(p *process, f File, dir int) (int, error) {
	content, err := m.native.appendFile(nil, dir, f.String())
	return len(content), err
}

// sizeValid is how long the kernel may go by a size.
func (m *Mount) sizeValid(size int) time.Duration { return 0 }
