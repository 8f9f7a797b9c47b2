// SPDX-License-Identifier: Apache-2.0

package taskfile

import (
	"context"
	"errors"
	"io"

	"github.com/iterfs/iterfs/bpf"
	"github.com/iterfs/iterfs/bpf/netlink"
	"github.com/iterfs/iterfs/bpf/sock"
	"github.com/iterfs/iterfs/bpf/tcp"
	"github.com/iterfs/iterfs/bpf/udp"
	unixsock "github.com/iterfs/iterfs/bpf/unix"
)

// netSockets are the sockets of a network namespace, with those who have them.
var netSockets = bpf.File{
	Path: "net/sockets", Doc: "one row per socket of any family, with the processes that have it open",
	PerNetNS: true, Columns: netTable(nil, nil).Docs(), Open: openNetSockets, Twin: true,
}

func netTable(o *owners, ids *bpf.IDs) bpf.Table[sock.Socket] {
	c := sock.ColumnsOf(func(s sock.Socket) sock.Socket { return s })
	pids := bpf.Column[sock.Socket]{Name: "PIDS", Source: "iter/task_file", Doc: "processes that have it open, with commas between",
		Text: func(dst []byte, s sock.Socket) ([]byte, bool) { return o.append(dst, s.Ino) },
		JSON: func(dst []byte, s sock.Socket) []byte {
			dst, _ = o.append(append(dst, '['), s.Ino)
			return append(dst, ']')
		}}
	return bpf.Table[sock.Socket]{
		Source:  bpf.Source[sock.Socket]{Decode: sock.DecodeSocket}.Changed(func(s sock.Socket) { s.Uid = ids.UID(s.Uid) }),
		Columns: []bpf.Column[sock.Socket]{c.Proto, c.State, c.RecvQ, c.SendQ, c.Local, c.Remote, c.UID, c.Ino, pids},
	}
}

func openNetSockets(r bpf.Request, form bpf.Form) (bpf.Content, error) {
	ids, err := r.Reader.IDs(context.Background())
	if err != nil {
		return nil, err
	}
	o, err := startOwners(r)
	if err != nil {
		return nil, err
	}
	s := &socketRecords{owners: o}
	// All start now: the reader's namespace is there no longer than the open.
	for _, start := range []func(bpf.Request) (bpf.Records, error){
		tcp.SocketRecords, udp.SocketRecords, unixsock.SocketRecords, netlink.SocketRecords,
	} {
		records, err := start(r)
		if errors.Is(err, errors.ErrUnsupported) {
			continue // this kernel lacks the target
		}
		if err != nil {
			s.Close()
			return nil, err
		}
		s.runs = append(s.runs, records)
	}
	return r.Content(s, netTable(o, ids).As(form)), nil
}

// socketRecords are those of several runs, one after another, once it is known who
// owns the sockets.
type socketRecords struct {
	owners *owners
	runs   []bpf.Records
	next   int
}

func (s *socketRecords) Next(ctx context.Context) ([]byte, error) {
	if err := s.owners.collect(ctx); err != nil {
		return nil, err
	}
	for ; s.next < len(s.runs); s.next++ {
		if batch, err := s.runs[s.next].Next(ctx); err != io.EOF {
			return batch, err
		}
	}
	return nil, io.EOF
}

func (s *socketRecords) Close() error {
	err := s.owners.Close()
	for _, r := range s.runs {
		err = errors.Join(err, r.Close())
	}
	return err
}
