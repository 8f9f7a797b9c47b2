// SPDX-License-Identifier: Apache-2.0

package taskfile

import (
	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/sock"
)

// An openSocket is who has a socket open, and the record of the socket behind it.
type openSocket struct {
	*taskFileSocketHolder
	socket sock.Socket
}

var openSockets = bpf.Source[openSocket]{
	Decode: func(batch []byte) (openSocket, int, error) {
		holder, at, err := bpf.Fixed[taskFileSocketHolder](batch)
		if err != nil {
			return openSocket{}, 0, err
		}
		socket, n, err := sock.DecodeSocket(batch[at:])
		return openSocket{holder, socket}, at + n, err
	},
	Key: func(s openSocket) bpf.Key { return bpf.Key{ID: s.NativeTgid, Birth: s.Start} },
}

var socketTable = func() bpf.Table[openSocket] {
	number := func(name string, width int, source, doc string, value func(s openSocket) int64) bpf.Column[openSocket] {
		return bpf.Column[openSocket]{Name: name, Width: width, Source: source, Doc: doc, Number: bpf.Always(value)}
	}
	c := sock.ColumnsOf(func(s openSocket) sock.Socket { return s.socket })
	return bpf.Table[openSocket]{Source: openSockets, Columns: []bpf.Column[openSocket]{
		number("PID", 7, "tgid", "process id; sockets of threads with a file table of their own are not shown, as in /proc/<pid>/fd",
			func(s openSocket) int64 { return int64(s.Tgid) }),
		number("FD", 4, "fd", "file descriptor", func(s openSocket) int64 { return int64(s.Fd) }),
		c.Proto, c.State, c.Local, c.Remote, c.Ino, c.NetNS,
		{Name: "COMM", Source: "comm", Doc: "name of the process", Text: func(dst []byte, s openSocket) ([]byte, bool) {
			return append(dst, bpf.Chars(s.Comm[:])...), true
		}},
	}}
}()
